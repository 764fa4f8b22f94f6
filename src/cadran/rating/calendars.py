"""Time bands as tables: which band of a set runs at an instant, and until when, by two look-ups.

A civil calendar has few kinds of days. Each day of UTC refers to its pattern, a row of slots (minutes, or quarter-hours where every
band and every offset of its zone allows it); the pattern holds the place of the band that runs, so that zone, clock changes and
holidays cost nothing when a call is rated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from operator import attrgetter
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from cadran.catalog.rules import TimeBand
from cadran.units.errors import InvalidInput

DAY_S = 86_400
DAY_MINUTES = 1440
QUARTER = 15
# The days of UTC that tables cover; what lies outside is rated by the scalar path.
FIRST_DAY = (date(2000, 1, 1) - date(1970, 1, 1)).days
LAST_DAY = (date(2050, 1, 1) - date(1970, 1, 1)).days
DAYS = LAST_DAY - FIRST_DAY
MAX_SCHEDULES = 1000
_SLACK = 2  # civil days on either side that a day of UTC may touch

Schedule = tuple[TimeBand, ...]
Times = tuple[tuple[object, ...], ...]
_TIMES = attrgetter("zone", "weekdays", "windows", "holidays", "on_holidays", "weight", "years", "months", "month_days")
Ints = npt.NDArray[np.int64]
Minutes = npt.NDArray[np.uint8]


class UncertainZone(InvalidInput):
    """A zone whose clock tables of minutes cannot follow. None has been such a one since 1972."""

    error_id = "rating-zone-uncertain"


@dataclass(frozen=True, slots=True)
class Calendars:
    """days[schedule, day - FIRST_DAY]: where the day's pattern begins in `bands` and `until`. bands: for each slot of a pattern
    the place (from 1) of the band that runs, 0 for none. until: the slot of the same day, or the number of slots, at which that
    changes. slot_s: seconds of a slot. Schedule 0 has no bands."""

    days: npt.NDArray[np.int32]
    bands: npt.NDArray[np.uint8]
    until: npt.NDArray[np.uint16]
    slot_s: int

    @property
    def nbytes(self) -> int:
        return self.days.nbytes + self.bands.nbytes + self.until.nbytes


def times(bands: tuple[TimeBand, ...]) -> Times:
    """What decides when bands run, without their names and prices: equal for all rates with the same times."""
    return tuple(map(_TIMES, bands))


def compile_schedules(schedules: Sequence[Schedule]) -> Calendars:
    """The tables of these schedules, numbered from 1 in their order."""
    patterns: dict[bytes, int] = {}
    days = np.zeros((len(schedules) + 1, DAYS), np.int32)
    _keep(patterns, np.zeros(DAY_MINUTES, np.uint8))
    for number, bands in enumerate(schedules, 1):
        days[number] = _days(bands, patterns)
    minutes = np.frombuffer(b"".join(patterns), np.uint8).reshape(-1, DAY_MINUTES)
    quarters = minutes.reshape(-1, DAY_MINUTES // QUARTER, QUARTER)
    if (quarters == quarters[:, :, :1]).all():
        slots, slot_s = np.ascontiguousarray(quarters[:, :, 0]), QUARTER * 60
    else:
        slots, slot_s = minutes, 60
    return Calendars(days * slots.shape[1], slots.ravel(), _until(slots).ravel(), slot_s)


def _keep(patterns: dict[bytes, int], minutes: npt.NDArray[np.uint8]) -> int:
    return patterns.setdefault(minutes.tobytes(), len(patterns))


def _until(slots: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint16]:
    count = slots.shape[1]
    found = np.full(slots.shape, count, np.uint16)
    for slot in range(count - 2, -1, -1):
        found[:, slot] = np.where(slots[:, slot] == slots[:, slot + 1], found[:, slot + 1], slot + 1)
    return found


def _days(bands: Schedule, patterns: dict[bytes, int]) -> npt.NDArray[np.int32]:
    """The pattern of each day of UTC."""
    zones = sorted({band.zone for band in bands})
    if len(zones) != 1:
        return _mixed_days(bands, zones, patterns)
    kinds, civil = _civil_patterns(bands)
    offsets, changes = _offsets(zones[0])
    first = np.arange(DAYS) + _SLACK + np.floor_divide(offsets, DAY_MINUTES)
    code = (kinds[first] * len(civil) + kinds[first + 1]) * DAY_MINUTES + np.mod(offsets, DAY_MINUTES)
    codes, inverse = _distinct(code)
    known = np.empty(len(codes), np.int32)
    for place, one in enumerate(codes.tolist()):
        pair, minute = divmod(one, DAY_MINUTES)
        before, after = divmod(pair, len(civil))
        both = np.concatenate((civil[before], civil[after]))
        known[place] = _keep(patterns, both[minute : minute + DAY_MINUTES])
    found = known[inverse]
    for index, minute, after in changes:
        day = np.empty(DAY_MINUTES, np.uint8)
        for offset, part in ((int(offsets[index]), slice(0, minute)), (after, slice(minute, DAY_MINUTES))):
            civil_day, of_day = divmod(offset, DAY_MINUTES)
            nearest = kinds[index + _SLACK + civil_day : index + _SLACK + civil_day + 2].tolist()
            both = np.concatenate([civil[kind] for kind in nearest])
            day[part] = both[of_day : of_day + DAY_MINUTES][part]
        found[index] = _keep(patterns, day)
    return found


def _mixed_days(bands: Schedule, zones: list[str], patterns: dict[bytes, int]) -> npt.NDArray[np.int32]:
    """Bands of several zones: the heaviest of each zone's winners, of equal weight the earlier."""
    single: list[tuple[npt.NDArray[np.int32], list[Minutes]]] = []
    for zone in zones:
        places = [place for place, band in enumerate(bands, 1) if band.zone == zone]
        own: dict[bytes, int] = {}
        days = _days(tuple(bands[place - 1] for place in places), own)
        rename = np.array([0, *places], np.uint8)
        single.append((days, [rename[np.frombuffer(one, np.uint8)] for one in own]))
    rank = np.zeros(len(bands) + 1, np.int64)
    order = sorted(range(len(bands)), key=lambda place: (bands[place].weight, -place))
    for value, place in enumerate(order, 1):
        rank[place + 1] = value
    found = np.zeros(DAYS, np.int64)
    heaviest = [np.zeros(DAY_MINUTES, np.uint8)]
    for days, own_minutes in single:
        codes, found = _distinct(found * len(own_minutes) + days)
        pairs = [(heaviest[one // len(own_minutes)], own_minutes[one % len(own_minutes)]) for one in codes.tolist()]
        heaviest = [np.where(rank[mine] > rank[theirs], mine, theirs) for mine, theirs in pairs]
    known = np.array([_keep(patterns, minutes) for minutes in heaviest], np.int32)
    return known[found]


def _civil_patterns(bands: Schedule) -> tuple[Ints, list[Minutes]]:
    """The kind of each civil day from _SLACK days before FIRST_DAY on, and the minutes of each kind."""
    of_day = np.zeros(DAYS + 2 * _SLACK, np.int64)
    kinds: list[tuple[bool, ...]] = [()]
    for band in bands:
        kept, of_day = _distinct(of_day * 2 + _running(band))
        kinds = [(*kinds[one >> 1], bool(one & 1)) for one in kept.tolist()]
    order = sorted(range(len(bands)), key=lambda place: (bands[place].weight, -place))
    patterns = []
    for kind in kinds:
        minutes = np.zeros(DAY_MINUTES, np.uint8)
        for place in order:
            if kind[place]:
                for start, end in bands[place].windows:
                    minutes[start:end] = place + 1
        patterns.append(minutes)
    return of_day, patterns


def _distinct(codes: Ints) -> tuple[Ints, Ints]:
    """The different codes, ascending, and where among them each is; small codes, which is nearly all, are not sorted."""
    if codes.max() >= 1 << 24:
        kept, place = np.unique(codes, return_inverse=True)
        return kept, place.ravel()
    seen = np.zeros(int(codes.max()) + 1, np.bool_)
    seen[codes] = True
    return np.flatnonzero(seen), (np.cumsum(seen) - 1)[codes]


def _running(band: TimeBand) -> npt.NDArray[np.bool_]:
    """On which of the civil days the band runs at all."""
    weekday, year, month, month_day = _civil_days()
    found = np.isin(weekday, list(band.weekdays))
    holidays = np.array([(day - date(1970, 1, 1)).days - FIRST_DAY + _SLACK for day in band.holidays], np.int64)
    found[holidays[(holidays >= 0) & (holidays < len(found))]] = band.on_holidays
    for values, wanted in ((year, band.years), (month, band.months), (month_day, band.month_days)):
        if wanted:
            found &= np.isin(values, list(wanted))
    return found


@lru_cache(maxsize=1)
def _civil_days() -> tuple[Ints, Ints, Ints, Ints]:
    """Weekday (Monday 0), year, month and day of month of the civil days."""
    days = [date(1970, 1, 1) + timedelta(days=FIRST_DAY - _SLACK + index) for index in range(DAYS + 2 * _SLACK)]
    columns = np.array([(day.weekday(), day.year, day.month, day.day) for day in days], np.int64).T
    return columns[0], columns[1], columns[2], columns[3]


@lru_cache(maxsize=512)
def _offsets(zone: str) -> tuple[Ints, tuple[tuple[int, int, int], ...]]:
    """The offset in minutes at the start of each day of UTC, and the changes: (day, minute of it, offset from then on)."""
    place = ZoneInfo(zone)
    start = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(days=FIRST_DAY)
    samples = [_offset_s(place, start + timedelta(days=day)) for day in range(DAYS + 1)]
    changes = []
    for day in range(DAYS):
        if samples[day] != samples[day + 1]:
            midnight = start + timedelta(days=day)
            low, high = 0, DAY_MINUTES
            while high - low > 1:
                middle = (low + high) // 2
                same = _offset_s(place, midnight + timedelta(minutes=middle)) == samples[day]
                low, high = (middle, high) if same else (low, middle)
            if high < DAY_MINUTES:
                changes.append((day, high, samples[day + 1] // 60))
    if any(sample % 60 for sample in samples):
        raise UncertainZone(f"the clock of {zone} is not a whole number of minutes from UTC")
    return np.array(samples[:-1], np.int64) // 60, tuple(changes)


def _offset_s(place: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(place).utcoffset()
    assert offset is not None
    return offset // timedelta(seconds=1)
