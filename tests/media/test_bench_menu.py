"""The benchmark of menus, as short as can be: every digit right, every figure there."""

from __future__ import annotations

from cadran.commands import bench_menu, bench_menu_load


def test_a_short_run_answers_every_digit_by_its_prompt_and_gives_every_figure() -> None:
    found = {result.name: result for result in bench_menu.measure(0.2)}
    assert list(found) == [
        "menu_calls_per_core_vs_bare_endpoint",
        "inband_calls_per_core_vs_rfc4733",
        "digit_to_prompt_p50_ms",
        "digit_to_prompt_p99_ms",
        "memory_kb_per_call",
        "digits_wrong_or_lost",
        "audio_gaps",
    ]
    assert found["digits_wrong_or_lost"].value == 0
    assert int(found["digits_wrong_or_lost"].unit.split()[1]) > 5, "some were dialled"
    assert 0 < found["digit_to_prompt_p50_ms"].value <= found["digit_to_prompt_p99_ms"].value
    assert found["memory_kb_per_call"].value > 0


def test_lost_wrong_and_doubled_digits_are_counted() -> None:
    for dialled, told, wrong in (
        ("123", "123", 0),
        ("123", "13", 1),
        ("123", "1223", 1),
        ("123", "153", 1),
        ("", "1", 1),
    ):
        assert bench_menu_load.apart(dialled, told) == wrong
