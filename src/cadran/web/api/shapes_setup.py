"""The JSON of what an operator sets up: terms, price lists, partners."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from cadran.catalog.rules import TaxBasis
from cadran.journeys.proposals.rules import MAX_REASON, MIN_REASON
from cadran.journeys.publications import MAX_TEXT
from cadran.policy.drafting import MAX_TYPED
from cadran.web.api.shapes import CONTROL_FREE, Asked, FormAsked, Instant, Language, Shape
from cadran.web.api.shapes_desk import WRITTEN

Reason = Annotated[str, StringConstraints(min_length=MIN_REASON, max_length=MAX_REASON, pattern=CONTROL_FREE)]
Day = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), Field(examples=["2027-01-01"])]
ValueName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_.]{1,80}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Line = Annotated[str, StringConstraints(max_length=200, pattern=CONTROL_FREE)]
Secret = Annotated[
    str,
    StringConstraints(max_length=400, pattern=r"^[\x20-\x7e]*$"),
    Field(json_schema_extra={"writeOnly": True}),
]


class TermsVersion(Shape):
    """A published version of the terms."""

    ref: str
    version: str
    title: str
    effective_from: date
    key_change: bool
    in_force: bool


class DraftLine(Shape):
    """A draft of terms in a list."""

    id: str
    base: str
    version: str
    title: str
    effective_from: str
    revision: int
    edited_by: str
    edited_at: Instant
    proposal: str | None


class TermsList(Shape):
    """The published versions, newest first, and the drafts that are open."""

    versions: list[TermsVersion]
    drafts: list[DraftLine]


class DraftValue(Shape):
    """One value of a draft. `typed`: as it stands in the draft; `before`: as the version in force has it. `problem` is empty where
    nothing is wrong."""

    name: str
    clause: str
    must: str
    unit: str
    typed: str
    before: str
    problem: str


class Draft(Shape):
    """A draft of terms, as typed, right or wrong. `problems` names all that is wrong; none: it can be submitted."""

    id: str
    brand: str
    base: str
    version: str
    title: str
    effective_from: str
    key_change: bool
    revision: int
    values: list[DraftValue]
    texts: dict[str, str]
    problems: dict[str, str]
    proposal: str | None
    edited_by: str
    edited_at: Instant


class TypedValue(Asked):
    """A value of a draft, as it is typed: an amount in whole units of the currency, a list one item a line."""

    name: ValueName
    typed: Annotated[str, StringConstraints(max_length=MAX_TYPED, pattern=WRITTEN)]


class TypedText(Asked):
    """The text of a draft in one language, in Markdown."""

    language: Language
    text: Annotated[str, StringConstraints(max_length=MAX_TEXT, pattern=WRITTEN)]


class DraftChange(Asked):
    """What to change of a draft; what is left out stays. `revision` is the one that was read: what somebody saved meanwhile is not
    overwritten."""

    revision: Annotated[int, Field(ge=1, le=10**8)]
    version: Annotated[str, StringConstraints(max_length=60, pattern=CONTROL_FREE)] | None = None
    title: Line | None = None
    effective_from: Day | None = None
    key_change: bool | None = None
    values: Annotated[list[TypedValue], Field(max_length=500)] = []
    texts: Annotated[list[TypedText], Field(max_length=2)] = []


class ValueChange(Shape):
    """A value that a version states otherwise; null where one of the two does not state it."""

    name: str
    clause: str
    unit: str
    before: str | None
    after: str | None


class TextChange(Shape):
    """A changed line of a text: `mark` is + or -, a space for what is around it, … between places."""

    language: str
    mark: str
    line: str


class Preview(Shape):
    """What would be published, and what it changes of its base. `sha256` is what an approval names."""

    ref: str
    base: str
    sha256: str
    effective_from: date
    values: list[ValueChange]
    texts: list[TextChange]


class SubmissionAsked(Asked):
    """The revision that was read, and why it should be published."""

    revision: Annotated[int, Field(ge=1, le=10**8)]
    reason: Reason


class ApprovalAsked(Asked):
    """The hash of exactly what was read."""

    sha256: Hash


class RefusalReasonAsked(Asked):
    """Why it is refused."""

    reason: Reason


class Step(Shape):
    """A state that a proposal took: by whom, when, and what was said."""

    state: str
    by: str
    at: Instant
    note: str


class TermsProposal(Shape):
    """A proposal to publish terms, with every step. `sha256` is of the values and texts that it would publish."""

    id: str
    brand: str
    draft: str
    version: str
    base: str
    sha256: str
    reason: str
    state: str
    proposed_by: str
    proposed_at: Instant
    expires_at: Instant
    steps: list[Step]


class TermsProposals(Shape):
    """The proposals to publish."""

    proposals: list[TermsProposal]


class Prompt(Shape):
    """A prompt in a language. `origin`: operator (uploaded), brand, shipped or missing; `fragment`: a part of numbers and amounts."""

    language: str
    name: str
    text: str
    origin: str
    length_ms: int
    fragment: bool
    used: bool
    changed_at: Instant | None


class Prompts(Shape):
    """Every prompt of the brand in every language."""

    prompts: list[Prompt]


class PromptSound(Shape):
    """What callers hear: `content` is a WAV in base64."""

    prompt: Prompt
    content: str


class Deck(Shape):
    """A version of a price list. `state`: draft or activated; `in_force`: its prices hold now."""

    brand: str
    name: str
    version: str
    currency: str
    tax: str
    state: str
    effective_from: Instant | None
    sha256: str
    lines: int
    imported_at: Instant
    activated_at: Instant | None
    in_force: bool


class Decks(Shape):
    """The versions of the price lists."""

    decks: list[Deck]


class DeckForm(FormAsked):
    """How a price list is read: its version (else the beginning of its hash), what it says of tax, what parts its columns."""

    version: Annotated[str, StringConstraints(pattern=r"^[a-z0-9._-]{0,40}$")] = ""
    tax: TaxBasis = TaxBasis.NOT_STATED
    delimiter: Literal[",", ";", "tab"] = ","
    keep: bool = True


class DeckProblem(Shape):
    """What is wrong in a line."""

    line: int
    column: str
    code: str
    message: str


class DeckReport(Shape):
    """What was read in a price list. `deck` is null where nothing was kept: asked only to look, or with problems."""

    name: str
    version: str
    currency: str
    tax: str
    lines: int
    rates: int
    problem_count: int
    problems: list[DeckProblem]
    deck: Deck | None


class PriceChange(Shape):
    """A prefix whose price a minute changes, in billionths of the currency."""

    prefix: str
    destination: str
    destination_en: str
    before_nanos: int
    after_nanos: int


class DeckPage(Shape):
    """A price list beside the one that it replaces: how many prefixes become dearer, cheaper, come or go, and where most."""

    deck: Deck
    replaces: str | None
    dearer: int
    cheaper: int
    same: int
    other: int
    new: int
    gone: int
    rises: list[PriceChange]
    falls: list[PriceChange]


class ActivationAsked(Asked):
    """The day from whose midnight the prices hold, in the brand's zone."""

    day: Day


class Carrier(Shape):
    """A carrier, without its password. `source`: file or screen."""

    name: str
    host: str
    port: int
    priority: int
    prefixes: str
    number_form: str
    inbound: bool
    user: str
    source: str
    enabled: bool
    has_password: bool


class CarrierAsked(Asked):
    """How a carrier is reached. A password left out stays, unless the address changes: then it is forgotten."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=CONTROL_FREE)]
    port: Annotated[int, Field(ge=1, le=65535)] = 5060
    priority: Annotated[int, Field(ge=0, le=9999)] = 10
    prefixes: Annotated[str, StringConstraints(max_length=200, pattern=r"^[0-9, ]*$")] = ""
    number_form: Literal["plus", "digits"] = "plus"
    inbound: bool = False
    user: Line = ""
    password: Secret = ""
    enabled: bool = True


class Partner(Shape):
    """The card provider or the mail server. `source`: environment, screen or default; `secrets` names those that are set, and no
    more."""

    kind: str
    stated: dict[str, str]
    source: str
    enabled: bool
    secrets: list[str]
    changed_by: str | None
    changed_at: Instant | None


class CardAsked(Asked):
    """How the card provider is reached; an empty address is the default one. Secrets left out stay, unless the address changes."""

    api_base: Line = ""
    api_key: Secret = ""
    webhook_secret: Secret = ""
    enabled: bool = True


class MailAsked(Asked):
    """How the mail server is reached. A password left out stays, unless the address changes."""

    host: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=CONTROL_FREE)]
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    security: Literal["none", "starttls", "tls"] = "starttls"
    user: Line = ""
    sender: Annotated[str, StringConstraints(min_length=3, max_length=200, pattern=CONTROL_FREE)]
    password: Secret = ""
    enabled: bool = True


class Partners(Shape):
    """The carriers of the brand, and the card provider and mail server of the installation."""

    carriers: list[Carrier]
    card: Partner
    mail: Partner


class PartnerTest(Shape):
    """What the partner said, in a line."""

    said: str
