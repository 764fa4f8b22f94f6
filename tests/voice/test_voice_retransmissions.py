"""What is remembered of messages that may come again: for 32 seconds, and never more than so many."""

from __future__ import annotations

from cadran.voice.b2bua import retransmissions


def test_an_answer_is_remembered_for_eight_turns_and_forgotten_at_the_ninth() -> None:
    kept = retransmissions.Answers()
    sent = retransmissions.answer("server", "SIP/2.0 200 OK", ("127.0.0.1", 5060), None, 0)
    kept[b"a"] = sent
    for _ in range(8):
        kept.turn()
        assert kept.get(b"a") is sent
    kept.turn()
    assert kept.get(b"a", None) is None
    assert len(kept) == 0


def test_an_answer_given_again_is_remembered_from_then_on_and_the_last_one_counts() -> None:
    kept = retransmissions.Answers()
    kept[b"a"] = retransmissions.answer("server", "SIP/2.0 180 Ringing", ("127.0.0.1", 5060))
    for _ in range(5):
        kept.turn()
    kept[b"a"] = last = retransmissions.answer("server", "SIP/2.0 200 OK", ("127.0.0.1", 5060))
    for _ in range(8):
        kept.turn()
        assert kept.get(b"a") is last


def test_however_many_messages_come_the_oldest_make_room() -> None:
    kept = retransmissions.Answers(most=90)
    for number in range(1_000):
        kept[b"%d" % number] = retransmissions.answer()
        assert len(kept) <= 90
        assert kept.get(b"%d" % number) is not None
    assert kept.get(b"0") is None


def test_messages_that_asked_for_nothing_share_one_answer() -> None:
    assert retransmissions.answer() is retransmissions.answer()
    assert retransmissions.answer().data is None
