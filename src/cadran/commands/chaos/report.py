"""The report of a run: one page that lies by itself, its plot as an SVG, and its figures as JSON; in French or English."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from html import escape
from pathlib import Path

from cadran.commands.chaos import drawing, plan
from cadran.commands.chaos.outcome import Outcome

PAGE, PLOT, FIGURES = "index.html", "chaos.svg", "chaos.json"
MOST_SLOTS = 180
WORDS = {
    "fr": {
        "title": "La facturation à l'épreuve du chaos",
        "well": "Tout est juste : aucun centime perdu, ni inventé.",
        "wrong": "{count} fautes trouvées.",
        "lead": "{calls} appels sur {accounts} comptes pendant {seconds} s. Morts brutales : {kills} ; sauts de l'horloge : "
        "{jumps}. Chaque réponse donnée a ensuite été cherchée dans la base de données.",
        "answers": "Réponses par seconde",
        "open": "Appels en cours",
        "latency": "Temps de réponse (ms)",
        "kill": "kill -9 de la facturation",
        "outage": "sans service",
        "other": "autre mort, pause, disque plein",
        "jump": "saut d'horloge",
        "median": "médiane",
        "slowest": "99 % plus rapides",
        "proofs": "Ce qui est prouvé",
        "proof": "Preuve",
        "found": "Trouvé",
        "figures": "Mesures",
        "again": "Rejouer ces choix",
        "lost": "Opérations confirmées et perdues",
        "answers_differing": "Réponses différentes de la base, ou au rejeu",
        "overdrawn": "Comptes sous leur plancher",
        "double_charged": "Facturés deux fois",
        "wrong_prices": "Prix différents de l'oracle exact",
        "forged": "Lignes que personne n'a demandées",
        "unbalanced": "Écritures qui ne s'annulent pas",
        "holds_vanished": "Réserves sans appel, ou appels sans réserve",
        "ledger_sums": "Somme du grand livre, par devise",
        "given_away_s": "Secondes offertes au plus par appel (5 permises)",
        "evidence_whole": "Chaîne des preuves entière",
        "operations": "opérations",
        "acknowledged": "confirmées",
        "per_s": "réponses/s",
        "killed": "morts brutales",
        "down": "sans service",
        "p50": "médiane",
        "p99": "99 % sous",
        "memory": "mémoire de pointe",
        "retried": "renvois",
        "checked": "réponses vérifiées",
        "replayed": "rejouées à la fin",
        "duplicates": "doublons",
        "yes": "oui",
        "no": "non",
    },
    "en": {
        "title": "Charging, put through chaos",
        "well": "All is well: not a cent lost, nor made up.",
        "wrong": "{count} faults found.",
        "lead": "{calls} calls on {accounts} accounts for {seconds} s. Sudden deaths: {kills}; jumps of the civil clock: {jumps}. "
        "Each answer given was then looked for in the database.",
        "answers": "Answers a second",
        "open": "Calls in progress",
        "latency": "Time of an answer (ms)",
        "kill": "kill -9 of charging",
        "outage": "without service",
        "other": "other death, pause, full disk",
        "jump": "clock jump",
        "median": "median",
        "slowest": "99 % are faster",
        "proofs": "What is proven",
        "proof": "Proof",
        "found": "Found",
        "figures": "Figures",
        "again": "The same choices again",
        "lost": "Operations acknowledged and lost",
        "answers_differing": "Answers that differ from the database, or when asked again",
        "overdrawn": "Accounts below their floor",
        "double_charged": "Charged twice",
        "wrong_prices": "Prices that differ from the exact oracle",
        "forged": "Rows that nobody asked for",
        "unbalanced": "Postings that do not cancel out",
        "holds_vanished": "Holds without a call, or calls without their hold",
        "ledger_sums": "Sum of the ledger, by currency",
        "given_away_s": "Most seconds given away by a call (5 allowed)",
        "evidence_whole": "Chain of evidence whole",
        "operations": "operations",
        "acknowledged": "acknowledged",
        "per_s": "answers/s",
        "killed": "sudden deaths",
        "down": "without service",
        "p50": "median",
        "p99": "99 % below",
        "memory": "peak memory",
        "retried": "sent again",
        "checked": "answers checked",
        "replayed": "asked again at the end",
        "duplicates": "duplicates",
        "yes": "yes",
        "no": "no",
    },
}
PROOFS = (
    "lost",
    "answers_differing",
    "overdrawn",
    "double_charged",
    "wrong_prices",
    "forged",
    "unbalanced",
    "holds_vanished",
)
STYLE = """
:root{color-scheme:light dark;--page:#f6f8fb;--card:#fff;--ink:#14202b;--soft:#5d6a77;--line:#dde3ea;--good:#116c36;--bad:#b42318;
--tint:#eaf2fa}@media (prefers-color-scheme:dark){:root{--page:#0d141c;--card:#151f2a;--ink:#e8eef4;--soft:#9fb0c0;--line:#2a3846;
--good:#4ade80;--bad:#ff8a80;--tint:#16283a}}*{box-sizing:border-box}body{margin:0;background:var(--page);color:var(--ink);
font:16px/1.55 Inter,system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif}main{max-width:1120px;margin:0 auto;
padding:2rem 1.1rem 3.5rem;display:grid;gap:1.1rem}h1{font-size:clamp(1.6rem,1.2rem + 1.8vw,2.2rem);line-height:1.2;
letter-spacing:-.015em;margin:0 0 .4rem}h2{font-size:1.2rem;margin:0 0 .7rem}p{margin:0}.soft{color:var(--soft)}
.card{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.2rem 1.3rem;min-width:0}
.verdict{display:inline-block;font-weight:650;padding:.35rem .9rem;border-radius:99px;margin:.2rem 0 .8rem;border:1px solid}
.well{color:var(--good)}.wrong{color:var(--bad)}.plot{padding:.4rem;overflow-x:auto}.plot svg{width:100%;min-width:720px;height:auto;
display:block}.figures{display:grid;grid-template-columns:repeat(auto-fill,minmax(140px,1fr));gap:.9rem 1.2rem;margin:0}
.figures div{display:flex;flex-direction:column-reverse;
justify-content:flex-end}.figures dt{color:var(--soft);font-size:.875rem}.figures dd{margin:0;
font-size:1.35rem;font-weight:680;font-variant-numeric:tabular-nums}table{width:100%;border-collapse:collapse}th,td{text-align:left;
padding:.5rem .3rem;border-bottom:1px solid var(--line)}tr:last-child td{border:0}th{font-size:.875rem;color:var(--soft);
font-weight:600}td:last-child,th:last-child{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
code{font:.9rem ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;background:var(--tint);padding:.3rem .55rem;border-radius:8px;
overflow-wrap:anywhere;display:inline-block}li{overflow-wrap:anywhere}
"""


def write(found: Outcome, folder: Path, lang: str) -> None:
    """Write the page, the plot and the figures to `folder`, which is made where it is not there."""
    folder.mkdir(parents=True, exist_ok=True)
    plot = plotted(found, lang)
    (folder / PLOT).write_text(plot, encoding="utf-8")
    (folder / FIGURES).write_text(json.dumps(found.as_dict(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    (folder / PAGE).write_text(page(found, plot, lang), encoding="utf-8")


def plotted(found: Outcome, lang: str) -> str:
    """The plot of a run."""
    words, seconds = WORDS[lang], _length(found)
    slots = min(MOST_SLOTS, max(20, int(seconds * 4)))
    times: list[list[float]] = [[] for _ in range(slots)]
    for at, took in zip(found.figures.moments_s, found.figures.times_ms, strict=True):
        if 0 <= at < seconds:
            times[int(at / seconds * slots)].append(took)
    for slot in times:
        slot.sort()
    opened: list[float | None] = [None] * slots
    for at, count in found.told.opened:
        if at < seconds:
            opened[int(at / seconds * slots)] = count
    for place in range(1, slots):  # while the machine is busy elsewhere nothing is counted, and nothing ends
        if opened[place] is None:
            opened[place] = opened[place - 1]
    rates = [len(slot) * slots / seconds for slot in times]
    panels = (
        drawing.Panel(words["answers"], (drawing.Curve(rates, area=True),), drawing.nice(max(rates))),
        drawing.Panel(
            words["open"],
            (drawing.Curve(opened, area=True),),
            drawing.nice(max((count for count in opened if count is not None), default=1)),
        ),
        drawing.Panel(
            words["latency"],
            (
                drawing.Curve([slot[len(slot) // 2] if slot else None for slot in times]),
                drawing.Curve([slot[len(slot) * 99 // 100] if slot else None for slot in times], style="thin"),
            ),
            [(10.0**power, _number(10**power, "fr")) for power in range(5)],
            logarithmic=True,
        ),
    )
    return drawing.Drawing(
        label=words["title"],
        seconds=seconds,
        panels=panels,
        kills=[at for at, what in found.told.kills if what in ("charging", "postgresql")],
        others=[at for at, what in found.told.kills if what not in ("charging", "postgresql")],
        outages=found.told.outages,
        jumps=[(at, _step(step_s, lang)) for at, step_s in found.told.jumps],
        words=words,
    ).svg()


def page(found: Outcome, plot: str, lang: str) -> str:
    """The page of a run, with the plot in it."""
    words, told = WORDS[lang], found.as_dict()
    lead = words["lead"].format(
        calls=_number(found.world.calls, lang),
        accounts=_number(found.size.accounts, lang),
        seconds=f"{found.size.seconds:g}",
        kills=found.told.deaths,
        jumps=len(found.told.jumps),
    )
    verdict = words["well"] if found.ok else words["wrong"].format(count=len(found.faults))
    faults = "".join(f"<li>{escape(fault)}</li>" for fault in found.faults[:100])
    kinds = Counter(what for _, what in found.told.kills)
    killed = ", ".join(f"{count} {name}" for name, count in sorted(kinds.items()))
    about = found.machine
    machine = f"{about['processor']}, {about['cores']} × CPU, {about['system']}, Python {about['python']}"
    return f"""<!doctype html>
<html lang="{lang}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>{words["title"]}</title><style>{STYLE}</style></head><body><main>
<header><h1>{words["title"]}</h1><p class="verdict {"well" if found.ok else "wrong"}">{verdict}</p><p class="soft">{lead}</p></header>
{f'<section class="card"><ul>{faults}</ul></section>' if faults else ""}
<section class="card plot">{plot}</section>
<section class="card"><h2>{words["figures"]}</h2><dl class="figures">{_figures(found, lang)}</dl></section>
<section class="card"><h2>{words["proofs"]}</h2><table><thead><tr><th>{words["proof"]}</th><th>{words["found"]}</th></tr></thead>
<tbody>{_proofs(told, words)}</tbody></table></section>
<section class="card"><h2>{words["again"]}</h2><p><code>{_again(found.size)}</code></p>
<p class="soft">{escape(killed)} · {escape(machine)}</p></section>
</main></body></html>
"""


def _figures(found: Outcome, lang: str) -> str:
    words, told = WORDS[lang], found.as_dict()
    shown = (
        ("operations", _number(found.asked, lang)),
        ("acknowledged", _number(found.acknowledged, lang)),
        ("per_s", _number(round(len(found.figures.times_ms) / found.size.seconds), lang)),
        ("killed", str(found.told.deaths)),
        ("down", f"{told['outage_s']} s"),
        ("p50", _ms(found.percentile_ms(0.5), lang)),
        ("p99", _ms(found.percentile_ms(0.99), lang)),
        ("memory", f"{told['peak_rss_mb']} MB"),
        ("retried", _number(found.figures.retried, lang)),
        ("duplicates", _number(found.figures.duplicates, lang)),
        ("checked", _number(found.checked, lang)),
        ("replayed", _number(found.told.replayed, lang)),
    )
    return "".join(f"<div><dt>{words[name]}</dt><dd>{_decimal(value, lang)}</dd></div>" for name, value in shown)


def _proofs(told: dict[str, object], words: dict[str, str]) -> str:
    sums = told["ledger_sums"]
    assert isinstance(sums, dict)
    whole = bool(told["evidence_whole"])
    rows = [(name, str(told[name]), told[name] == 0) for name in PROOFS]
    rows.append(
        ("ledger_sums", ", ".join(f"{name} {total}" for name, total in sorted(sums.items())), not any(sums.values()))
    )
    given = told["given_away_s"]
    rows.append(("given_away_s", f"{given} s", isinstance(given, int) and given <= 5))
    rows.append(("evidence_whole", words["yes"] if whole else words["no"], whole))
    return "".join(
        f'<tr><td>{words[name]}</td><td class="{"well" if right else "wrong"}">{value} {"✓" if right else "✗"}</td></tr>'
        for name, value, right in rows
    )


def _again(size: plan.Size) -> str:
    return (
        f"cadran chaos --seconds {size.seconds:g} --accounts {size.accounts} --sessions {size.sessions}"
        f" --kill-every {size.kill_every_s:g} --backend {size.backend} --shards {size.shards} --seed {size.seed}"
    )


def _length(found: Outcome) -> float:
    """Of the time axis: the load, and what came after until all was answered."""
    return max(found.size.seconds, found.told.opened[-1][0] if found.told.opened else 0.0, 1.0)


def _step(step_s: float, lang: str) -> str:
    step, day = timedelta(seconds=step_s), "j" if lang == "fr" else "d"
    if step >= timedelta(days=2):
        return f"+{step.days} {day}"
    return f"+{step_s / 3600:.0f} h" if step_s >= 3600 else f"+{step_s / 60:.0f} min"


def _number(value: int, lang: str) -> str:
    return f"{value:,}".replace(",", "\u202f" if lang == "fr" else ",")


def _ms(value: float, lang: str) -> str:
    return f"{_number(round(value), lang) if value >= 100 else value} ms"


def _decimal(text: str, lang: str) -> str:
    return escape(text.replace(".", ",").replace("MB", "Mo") if lang == "fr" else text)
