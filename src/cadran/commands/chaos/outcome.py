"""What a run came to: its figures, whether all is well, and how that is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from cadran.commands.chaos import checking, plan
from cadran.commands.chaos.clients import Figures
from cadran.commands.chaos.run import Told
from cadran.commands.chaos.traffic import World

# What a run gives cause for: requests that come too early, too late or twice, and credit that is not there.
EXPECTED = frozenset(
    {
        "session-unknown",
        "session-settled",
        "seq-passed",
        "balance-credit-not-free",
        "balance-withdrawal-differs",
        "event-refused",
        "event-released",
        "event-taken",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One run. refusals: by their reason. given: seconds given away by call; checked: answers held against the database; evidence:
    what verifying it said."""

    size: plan.Size
    figures: Figures
    told: Told
    world: World
    findings: checking.Findings
    given: Mapping[str, int]
    checked: int
    asked: int
    acknowledged: int
    refusals: Mapping[str, int]
    evidence: Mapping[str, object]
    peak_rss_mb: float
    machine: Mapping[str, object]

    @property
    def faults(self) -> list[str]:
        """Everything that is wrong, in words."""
        told = [str(fault) for fault in self.findings.faults] + self.world.faults + self.told.at_rest
        if self.evidence["exit"] != 0:
            told.append(f"evidence: {str(self.evidence)[:500]}")
        told += [
            f"{count} requests were refused as {reason}: nothing in a run gives cause for it"
            for reason, count in sorted(self.refusals.items())
            if reason not in EXPECTED
        ]
        if self.figures.unanswered:
            told.append(f"{self.figures.unanswered} requests stayed without an answer")
        if not self.acknowledged or not self.world.calls:
            told.append("nothing was done at all")
        return told

    @property
    def ok(self) -> bool:
        return not self.faults

    def percentile_ms(self, share: float) -> float:
        """Of the exchanges that were answered, the time within which that share of them was."""
        times = sorted(self.figures.times_ms)
        return round(times[min(int(share * len(times)), len(times) - 1)], 2) if times else 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        counts, kinds = self.findings.counts, Counter(what for _, what in self.told.kills)
        return {
            "ok": self.ok,
            "operations": self.asked,
            "acknowledged": self.acknowledged,
            "operations_per_s": round(len(self.figures.times_ms) / self.size.seconds, 1),
            "kills": self.told.deaths,
            "kills_by_kind": dict(kinds),
            "calls": self.world.calls,
            "refused_calls": self.world.refused,
            "cut_calls": self.world.cut,
            "lost": counts[checking.LOST],
            "answers_differing": counts[checking.DIFFERS] + self.told.replays_differing,
            "overdrawn": counts[checking.OVERDRAWN],
            "double_charged": counts[checking.TWICE],
            "wrong_prices": counts[checking.PRICE],
            "forged": counts[checking.FORGED],
            "unbalanced": counts[checking.UNBALANCED],
            "holds_vanished": counts[checking.HOLD],
            "ledger_sums": self.findings.sums,
            "given_away_s": max(self.given.values(), default=0),
            "given_away_total_s": sum(self.given.values()),
            "calls_given_away": len(self.given),
            "refusals": dict(self.refusals),
            "leases_over": self.world.leases_over,
            "evidence_whole": self.evidence["exit"] == 0,
            "retried": self.figures.retried,
            "busy": self.figures.busy,
            "duplicates": self.figures.duplicates,
            "unanswered": self.figures.unanswered,
            "checked": self.checked,
            "replayed": self.told.replayed,
            "clock_jumps": len(self.told.jumps),
            "outage_s": round(sum(end - start for start, end in self.told.outages), 2),
            "p50_ms": self.percentile_ms(0.5),
            "p99_ms": self.percentile_ms(0.99),
            "peak_rss_mb": round(self.peak_rss_mb, 1),
            "seed": self.size.seed,
            "seconds": self.size.seconds,
            "accounts": self.size.accounts,
            "sessions": self.size.sessions,
            "backend": self.size.backend,
            "shards": self.size.shards,
            "faults": self.faults[:100],
            "machine": dict(self.machine),
        }


def summary(found: Outcome) -> str:
    """The run as a person reads it."""
    told = found.as_dict()
    kinds = ", ".join(f"{count} {name}" for name, count in sorted(Counter(w for _, w in found.told.kills).items()))
    sums = ", ".join(f"{currency} {total}" for currency, total in sorted(found.findings.sums.items()))
    lines = [
        f"{told['operations']:,} operations, {told['acknowledged']:,} acknowledged, {told['calls']:,} calls over, "
        f"{told['refused_calls']:,} refused, {told['operations_per_s']:,} answers/s",
        f"kills: {told['kills']} ({kinds}); {told['outage_s']} s without service; {told['clock_jumps']} jumps of the civil clock",
        f"latency: p50 {told['p50_ms']} ms, p99 {told['p99_ms']} ms; {told['retried']:,} retried, {told['busy']:,} told to come back; "
        f"peak memory {told['peak_rss_mb']} MB",
        f"held against the database: {told['checked']:,} answers; asked again at the end: {told['replayed']:,}",
        f"lost {told['lost']}, answers differing {told['answers_differing']}, overdrawn {told['overdrawn']}, "
        f"charged twice {told['double_charged']}, wrong prices {told['wrong_prices']}, forged {told['forged']}, "
        f"unbalanced {told['unbalanced']}, holds vanished {told['holds_vanished']}",
        f"sums of the ledger: {sums}; given away by a call at most {told['given_away_s']} s; "
        f"evidence {'whole' if told['evidence_whole'] else 'NOT whole'}",
        *(f"FAULT {fault}" for fault in found.faults[:20]),
        f"seed {told['seed']}: " + ("all is well" if found.ok else f"{len(found.faults)} faults"),
    ]
    return "\n".join(lines)
