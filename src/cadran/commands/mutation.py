"""The mutation check: change each value of each done clause in turn, run that clause's own tests, and tell which changes
they do not notice. Each run is a pytest of its own, forked with the change in its environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import Queue

from cadran.policy import evidence, files, mutations
from cadran.policy.terms import Content
from cadran.units.errors import CadranError

TIMEOUT_S = 600
_FAILED = {1, 2}  # a test failed, or the changed value stopped the tests from being collected
_PASSED = {0, 5}  # all passed, or none was selected


class MutationCheckFailed(CadranError):
    """The check itself cannot be made: the tests fail without any change, or pytest cannot run."""

    error_id = "clauses-mutation-check-failed"


@dataclass(frozen=True, slots=True)
class Change:
    """One value of one clause, changed."""

    clause: str
    value: str
    content: Content
    tests: tuple[evidence.Tag, ...]

    @property
    def environment(self) -> str:
        return f"{self.value}={json.dumps(_plain(self.content), ensure_ascii=False)}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the clause's tests noticed a change; `why` where they did not."""

    change: Change
    noticed: bool
    why: str = ""

    def as_dict(self) -> dict[str, object]:
        return {
            "clause": self.change.clause,
            "value": self.change.value,
            "content": _plain(self.change.content),
            "noticed": self.noticed,
            "why": self.why,
        }


def changes(found: Iterable[evidence.Evidence], quick: bool) -> tuple[Change, ...]:
    """Every change to try for the done clauses among `found`; one for each value where `quick`."""
    return tuple(
        Change(entry.clause.id, value.name, content, entry.tests)
        for entry in found
        if entry.clause.state == "done"
        for value in entry.values
        for content in mutations.others(value.content, value.unit)[: 1 if quick else None]
    )


def run(planned: tuple[Change, ...], project: Path, jobs: int, told: Callable[[Outcome], None]) -> tuple[Outcome, ...]:
    """Run the clauses' tests as they are, which must pass, then try every change, `jobs` at a time; `told` hears each outcome as
    it comes. Raises MutationCheckFailed."""
    if not planned:
        return ()
    with Hosts(project, min(jobs, len(planned))) as hosts:

        def attempt(change: Change) -> Outcome:
            outcome = _attempt(change, hosts)
            told(outcome)
            return outcome

        one_of_each = {change.clause: change for change in planned}
        with ThreadPoolExecutor(max_workers=jobs) as pool:
            for _ in pool.map(lambda change: _check_unchanged(change, hosts), one_of_each.values()):
                pass
            return tuple(pool.map(attempt, planned))


class Hosts:
    """Processes that wait to run pytest (`mutation_host`), each for one run at a time."""

    def __init__(self, project: Path, count: int) -> None:
        self._project = project
        self._processes = [self._start() for _ in range(count)]
        self._free: Queue[subprocess.Popen[str]] = Queue()
        for process in self._processes:
            self._free.put(process)

    def __enter__(self) -> Hosts:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()

    def run(self, tests: Iterable[evidence.Tag], mutation: str) -> tuple[int, str]:
        """Exit code and last output of a pytest of those tests with that mutation. Raises MutationCheckFailed."""
        heavy = " and ".join(f"not {mark}" for mark in sorted(evidence.HEAVY))
        process = self._free.get()
        try:
            with tempfile.TemporaryDirectory(prefix="cadran-mutation-") as scratch:
                request = {
                    "arguments": ["-x", "-q", "--no-header", "--tb=line", "-m", heavy, *(tag.name for tag in tests)],
                    "environment": {files.MUTATION: mutation, "HYPOTHESIS_STORAGE_DIRECTORY": scratch},
                    "timeout_s": TIMEOUT_S,
                }
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                answer = json.loads(process.stdout.readline())
        except (OSError, ValueError) as error:
            raise MutationCheckFailed(f"the process that runs the tests ended: {error}") from error
        finally:
            self._free.put(process)
        return int(answer["code"]), str(answer["output"])

    def _start(self) -> subprocess.Popen[str]:
        path = [str(self._project / "src"), str(self._project / "tests"), os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(
            [sys.executable, "-m", "cadran.commands.mutation_host"],
            cwd=self._project,
            env={**os.environ, files.MUTATION: "", "PYTHONPATH": os.pathsep.join(path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )


def _attempt(change: Change, hosts: Hosts) -> Outcome:
    tests = _light(change.tests)
    if not tests:
        return Outcome(change, False, "the clause has no test that runs without the whole stack, peers or a browser")
    for part in _parts(tests):
        code, output = hosts.run(part, change.environment)
        if code in _FAILED:
            return Outcome(change, True)
        if code not in _PASSED:
            raise MutationCheckFailed(f"pytest could not run for {change.environment}\n{output}")
    return Outcome(change, False, "its tests pass all the same")


def _check_unchanged(change: Change, hosts: Hosts) -> None:
    """The clause's tests pass without the change. Raises MutationCheckFailed."""
    for part in _parts(_light(change.tests)):
        code, output = hosts.run(part, "")
        if code not in _PASSED:
            raise MutationCheckFailed(
                f"the tests of {change.clause} fail without any change: mend them first\n{output}"
            )


def _parts(tests: list[evidence.Tag]) -> list[list[evidence.Tag]]:
    """Tests without a database, then those with one, which take longer; no empty part."""
    with_database = [tag for tag in tests if "django_db" in tag.marks]
    parts = [tag for tag in tests if tag not in with_database], with_database
    return [part for part in parts if part]


def _light(tests: Iterable[evidence.Tag]) -> list[evidence.Tag]:
    """Those that need nothing beside Python, the quickest folder first: the first failure ends a run."""
    light = [tag for tag in tests if not tag.marks & evidence.HEAVY]
    return sorted(light, key=lambda tag: not tag.name.startswith("tests/policy/"))


def _plain(content: Content) -> object:
    return list(content) if isinstance(content, tuple) else content
