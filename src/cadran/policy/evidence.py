"""What carries each clause: values of terms and law, code tagged `@carries`, tests marked `clause`. Read from the source by
its syntax tree, so that nothing is imported and nothing runs."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cadran.policy.law import LawValue
from cadran.policy.register import Clause
from cadran.policy.sections import Fault
from cadran.policy.terms import Content, Terms

HEAVY = frozenset({"stack", "peers", "browser"})


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag of the source: `name` is `module:qualname` for code and a pytest node id for a test; `marks` are the other marks
    of a test."""

    clause: str
    name: str
    file: str
    line: int
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Value:
    """A value of terms or law that a clause rests on. `name` is `brand/version:name` or `law/from:name`."""

    name: str
    clause: str
    content: Content
    unit: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """One clause and all that carries it."""

    clause: Clause
    values: tuple[Value, ...] = ()
    code: tuple[Tag, ...] = ()
    tests: tuple[Tag, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON: id, state, missing, values, code, tests."""
        return {
            "id": self.clause.id,
            "state": self.clause.state,
            "missing": self.clause.missing,
            "values": [value.name for value in self.values],
            "code": [tag.name for tag in self.code],
            "tests": [tag.name for tag in self.tests],
        }


def gather(
    clauses: Mapping[str, Clause], values: Iterable[Value], code: Iterable[Tag], tests: Iterable[Tag]
) -> tuple[Evidence, ...]:
    """The evidence of each clause, in the register's order."""
    by_clause: dict[str, tuple[list[Value], list[Tag], list[Tag]]] = {key: ([], [], []) for key in clauses}
    for value in values:
        by_clause[value.clause][0].append(value)
    for place, tags in ((1, code), (2, tests)):
        for tag in tags:
            if tag.clause in by_clause:
                kept = by_clause[tag.clause][place]
                assert isinstance(kept, list)
                kept.append(tag)  # type: ignore[arg-type]
    return tuple(
        Evidence(clauses[key], tuple(held), _unique(carried), _unique(proved))
        for key, (held, carried, proved) in by_clause.items()
    )


def faults(
    found: tuple[Evidence, ...], code: Iterable[Tag], tests: Iterable[Tag], baseline: Iterable[str], baseline_name: str
) -> list[Fault]:
    """What must not be: a done clause that lacks something, a tag that points nowhere, a done clause turned undone."""
    ids = {evidence.clause.id: evidence.clause for evidence in found}
    wrong = [
        Fault(tag.file, tag.line, f"{tag.name} names the unknown clause {tag.clause}")
        for tag in (*code, *tests)
        if tag.clause not in ids
    ]
    for evidence in found:
        if evidence.clause.state == "done":
            lacking = [name for name in ("values", "code", "tests") if not getattr(evidence, name)]
            wrong += [Fault(evidence.clause.id, 1, f"is done but has no {name}") for name in lacking]
    recorded = list(baseline)
    for line, clause_id in enumerate(recorded, 1):
        if clause_id not in ids:
            wrong.append(Fault(baseline_name, line, f"unknown clause {clause_id}"))
        elif ids[clause_id].state != "done":
            wrong.append(Fault(baseline_name, line, f"{clause_id} was done and is {ids[clause_id].state} now"))
    done = {clause_id for clause_id, clause in ids.items() if clause.state == "done"}
    wrong += [
        Fault(baseline_name, 1, f"{clause_id} is done but not recorded: run `cadran clauses --record`")
        for clause_id in sorted(done - set(recorded))
    ]
    return wrong


def values_of(terms: Iterable[Terms], laws: Mapping[str, tuple[LawValue, ...]]) -> tuple[Value, ...]:
    """Every value with its clause, as the register lists them."""
    stated = [
        Value(f"{version.ref}:{value.name}", value.clause, value.content, value.unit)
        for version in terms
        for value in version.values.values()
    ]
    legal = [
        Value(entry.ref, entry.clause, entry.content, entry.unit) for entries in laws.values() for entry in entries
    ]
    return (*stated, *legal)


def carrying_code(source: Path) -> tuple[list[Tag], list[Fault]]:
    """Every `@carries(...)` below a package's folder such as src/cadran."""
    tags: list[Tag] = []
    wrong: list[Fault] = []
    for path in sorted(source.rglob("*.py")):
        shown = str(path.relative_to(source.parent))
        module = ".".join(path.relative_to(source.parent).with_suffix("").parts).removesuffix(".__init__")
        tree = _tree(path, shown, wrong, "carries")
        for qualname, node in _definitions(tree):
            for decorator in node.decorator_list:
                if isinstance(decorator, ast.Call) and _last_name(decorator.func) == "carries":
                    ids = _literals(decorator, shown, wrong)
                    tags += [Tag(clause, f"{module}:{qualname}", shown, decorator.lineno) for clause in ids]
    return tags, wrong


def proving_tests(project: Path) -> tuple[list[Tag], list[Fault]]:
    """Every `pytest.mark.clause(...)` of the tests folder of a project, on functions, classes and modules. A project without
    tests (an installed package) has none."""
    tags: list[Tag] = []
    wrong: list[Fault] = []
    for path in sorted((project / "tests").rglob("test_*.py")):
        shown = path.relative_to(project).as_posix()
        tree = _tree(path, shown, wrong, "clause")
        module_marks = _Marks().with_assignments(tree.body, shown, wrong)
        for names, marks in _tests(tree.body, (), module_marks, shown, wrong):
            node_id = "::".join((shown, *names))
            tags += [Tag(clause, node_id, shown, line, frozenset(marks.names)) for clause, line in marks.clauses]
    return tags, wrong


@dataclass(frozen=True, slots=True)
class _Marks:
    """The marks that hold at a place of a test file."""

    clauses: tuple[tuple[str, int], ...] = ()
    names: tuple[str, ...] = field(default=())

    def with_expression(self, node: ast.expr, file: str, wrong: list[Fault]) -> _Marks:
        if isinstance(node, (ast.List, ast.Tuple)):
            marks = self
            for item in node.elts:
                marks = marks.with_expression(item, file, wrong)
            return marks
        call, target = (node, node.func) if isinstance(node, ast.Call) else (None, node)
        if not (isinstance(target, ast.Attribute) and _last_name(target.value) == "mark"):
            return self
        if target.attr == "clause" and call is not None:
            found = tuple((clause, call.lineno) for clause in _literals(call, file, wrong))
            return _Marks(self.clauses + found, self.names)
        return _Marks(self.clauses, (*self.names, target.attr))

    def with_assignments(self, body: list[ast.stmt], file: str, wrong: list[Fault]) -> _Marks:
        marks = self
        for node in body:
            if isinstance(node, ast.Assign) and any(_last_name(target) == "pytestmark" for target in node.targets):
                marks = marks.with_expression(node.value, file, wrong)
        return marks


def _tests(
    body: list[ast.stmt], above: tuple[str, ...], marks: _Marks, file: str, wrong: list[Fault]
) -> Iterator[tuple[tuple[str, ...], _Marks]]:
    for node in body:
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            continue
        here = marks
        for decorator in node.decorator_list:
            here = here.with_expression(decorator, file, wrong)
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            here = here.with_assignments(node.body, file, wrong)
            yield from _tests(node.body, (*above, node.name), here, file, wrong)
        elif not isinstance(node, ast.ClassDef) and node.name.startswith("test"):
            if any(argument.arg in {"db", "transactional_db"} for argument in node.args.args):
                here = _Marks(here.clauses, (*here.names, "django_db"))
            yield (*above, node.name), here


def _definitions(
    tree: ast.AST, above: str = ""
) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield f"{above}{node.name}", node
            inner = f"{above}{node.name}." if isinstance(node, ast.ClassDef) else f"{above}{node.name}.<locals>."
            yield from _definitions(node, inner)
        elif not isinstance(node, ast.expr):
            yield from _definitions(node, above)


def _tree(path: Path, shown: str, wrong: list[Fault], word: str) -> ast.Module:
    empty = ast.Module(body=[], type_ignores=[])
    try:
        text = path.read_text(encoding="utf-8")
        return ast.parse(text) if word in text else empty
    except (OSError, SyntaxError, ValueError) as error:
        wrong.append(Fault(shown, getattr(error, "lineno", None) or 1, f"cannot be read as Python: {error}"))
        return empty


def _literals(call: ast.Call, file: str, wrong: list[Fault]) -> list[str]:
    ids = [node.value for node in call.args if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    if len(ids) != len(call.args) or not ids or call.keywords:
        wrong.append(Fault(file, call.lineno, "clause ids must be literal texts, so that the register finds them"))
    return ids


def _last_name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _unique(tags: Iterable[Tag]) -> tuple[Tag, ...]:
    return tuple({tag.name: tag for tag in tags}.values())
