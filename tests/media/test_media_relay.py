"""The relay, its client and sessions, with real UDP packets."""

from __future__ import annotations

import os
import signal
import socket
import stat
import time

import numpy as np
from media_rig import HIGH, HOST, LOW, Box, Phone, RelayProcess, ask, drive

from cadran.voice.media import client as media_client
from cadran.voice.media import g711, link, sdp


def open_session(client, name="call-1"):
    session = ask(client.open, name)
    assert session is not None
    return session


def port_of(text: str) -> int:
    return sdp.parse(text).port


def bridged(client, caller: Phone, callee: Phone):
    """A session with both sides known: (session, where the caller sends, where the callee sends)."""
    session = open_session(client)
    offered = ask(session.caller_offer, caller.sdp())
    answered = ask(session.callee_answer, callee.sdp())
    return session, port_of(answered), port_of(offered)


def says(who: Phone, letter: str, port: int, to: Phone) -> str:
    to.packets()
    for _ in range(3):
        who.say(letter, port)
        drive_for(0.02)
    drive_for(0.05)
    return to.heard()


def drive_for(seconds: float) -> None:
    end = time.monotonic() + seconds
    drive(lambda: time.monotonic() >= end)


def test_audio_is_heard_both_ways_at_the_relays_address(client, caller, callee) -> None:
    session, caller_sends_to, callee_sends_to = bridged(client, caller, callee)
    assert LOW <= caller_sends_to <= HIGH
    assert LOW <= callee_sends_to <= HIGH
    assert says(caller, "a", caller_sends_to, callee) == "a"
    assert says(callee, "b", callee_sends_to, caller) == "b"
    stats = ask(session.stats)
    assert (stats.from_caller, stats.from_callee, stats.relayed) == (3, 3, 6)


def test_several_callees_get_the_same_offer_and_only_the_winner_is_heard(client, caller, callee, third) -> None:
    session = open_session(client)
    offered = ask(session.caller_offer, caller.sdp())
    assert ask(session.caller_offer, caller.sdp()) == offered
    assert says(third, "x", port_of(offered), caller) == "", "nobody is heard before its answer"
    answered = ask(session.callee_answer, callee.sdp())
    assert says(callee, "b", port_of(offered), caller) == "b"
    assert says(third, "x", port_of(offered), caller) == "", "who did not win is not heard"
    assert says(caller, "a", port_of(answered), callee) == "a"
    assert third.heard() == ""


def test_early_media_of_one_callee_gives_way_to_the_winner(client, caller, callee, third) -> None:
    session = open_session(client)
    offered = ask(session.caller_offer, caller.sdp())
    early = ask(session.callee_answer, third.sdp())
    assert says(third, "e", port_of(offered), caller) == "e"
    final = ask(session.callee_answer, callee.sdp())
    assert port_of(final) == port_of(early), "the caller goes on sending to the same port"
    assert says(callee, "b", port_of(offered), caller) == "b"
    third.packets()
    assert says(caller, "a", port_of(final), callee) == "a"
    assert third.heard() == ""


def test_after_close_not_one_packet_passes(client, caller, callee) -> None:
    session, caller_sends_to, callee_sends_to = bridged(client, caller, callee)
    assert says(caller, "a", caller_sends_to, callee) == "a"
    session.close()
    session.close()
    drive_for(0.1)
    assert says(caller, "a", caller_sends_to, callee) == ""
    assert says(callee, "b", callee_sends_to, caller) == ""
    assert ask(session.stats) is None
    assert ask(session.callee_answer, callee.sdp()) is None


def test_closing_after_the_offer_alone_frees_its_ports(client, caller) -> None:
    for _ in range(3 * (HIGH - LOW) // 4):
        session = open_session(client)
        assert ask(session.caller_offer, caller.sdp()) is not None
        session.close()


def test_when_the_ports_are_used_up_the_answer_is_none_and_the_client_stays_online(own_client, caller) -> None:
    sessions, answers = [], []
    for _ in range((HIGH - LOW) // 2 + 2):
        sessions.append(open_session(own_client))
        answers.append(ask(sessions[-1].caller_offer, caller.sdp()))
        if answers[-1] is None:
            break
    assert answers[-1] is None
    assert len([a for a in answers if a]) >= 40
    assert own_client.online
    for session in sessions[:4]:  # some are kept in reserve
        session.close()
    drive_for(0.8)  # rtp-io closes ports late: see Relay.let_go
    assert ask(open_session(own_client).caller_offer, caller.sdp()) is not None


def test_hold_and_resume_keep_the_ports_and_count_the_version_up(client, caller, callee) -> None:
    session, caller_sends_to, callee_sends_to = bridged(client, caller, callee)
    held = ask(session.reoffer, True, caller.sdp(extra="a=sendonly\r\n"))
    assert port_of(held) == callee_sends_to
    assert "a=sendonly" in held
    assert " 2 IN IP4 127.0.0.1" in held.splitlines()[1]
    said = ask(session.answer_to_reoffer, False, callee.sdp(extra="a=recvonly\r\n"))
    assert port_of(said) == caller_sends_to
    assert "a=recvonly" in said
    old_style = ask(session.reoffer, True, caller.sdp(address="0.0.0.0"))
    assert "a=sendonly" in old_style
    assert "0.0.0.0" not in old_style
    ask(session.answer_to_reoffer, False, callee.sdp(extra="a=recvonly\r\n"))
    resumed = ask(session.reoffer, True, caller.sdp())
    assert port_of(resumed) == callee_sends_to
    ask(session.answer_to_reoffer, False, callee.sdp())
    assert says(caller, "a", caller_sends_to, callee) == "a"
    assert says(callee, "b", callee_sends_to, caller) == "b"


def test_a_side_that_moves_by_a_new_offer_is_followed(client, caller, callee, third) -> None:
    session, caller_sends_to, callee_sends_to = bridged(client, caller, callee)
    assert says(callee, "b", callee_sends_to, caller) == "b"
    moved = ask(session.reoffer, False, third.sdp())
    assert port_of(moved) == caller_sends_to
    # The flag is the answerer's side; the session knows better when it is wrong.
    ask(session.answer_to_reoffer, False, caller.sdp())
    assert says(third, "c", callee_sends_to, caller) == "c"
    assert says(caller, "a", caller_sends_to, third) == "a"
    assert callee.heard() == ""


def test_an_announcement_is_heard_in_a_law_or_mu_law_and_its_end_is_told(client, caller) -> None:
    for formats, payload, decode in (("0 8 101", 8, g711.from_alaw), ("0 101", 0, g711.from_ulaw)):
        session, finished, answer = open_session(client), Box(), Box()
        caller.packets()
        session.announce(("en/special-refused",), caller.sdp(formats), answer, finished)
        said = sdp.parse(answer.get())
        assert said.formats == (str(payload), "101")
        began = time.monotonic()
        finished.get(15)
        lasted = time.monotonic() - began
        packets = caller.packets()
        assert {packet[1] & 0x7F for packet in packets} == {payload}
        assert {len(packet) for packet in packets} == {172}, "packets of 20 ms"
        heard = np.concatenate([decode(packet[12:]) for packet in packets]).astype(float)
        assert abs(len(heard) / 8000 - lasted) < 1
        assert np.sqrt(np.mean(heard**2)) > 1000
        session.close()


def test_an_announcement_that_is_closed_stops_and_tells_no_end(client, caller) -> None:
    session, finished, answer = open_session(client), Box(), Box()
    session.announce(("fr/emergency-refused",), caller.sdp(), answer, finished)
    answer.get()
    drive(caller.packets)
    session.close()
    drive_for(0.1)
    caller.packets()
    drive_for(0.2)
    assert caller.packets() == []
    assert finished.values == []


def test_an_announcement_to_a_phone_without_g711_gives_none(client, caller) -> None:
    for formats, prompt in (("9 101", "fr/no-credit"), ("8", "fr/no-such-prompt"), ("8", "../../etc/passwd")):
        answer = Box()
        open_session(client).announce((prompt,), caller.sdp(formats), answer, Box())
        assert answer.get() is None


def test_bad_descriptions_give_none_and_leave_the_session_usable(client, caller, callee) -> None:
    session = open_session(client)
    for bad in ("", "v=0", "x" * 100_000, caller.sdp(address="::1"), caller.sdp(address="224.0.0.1")):
        assert ask(session.caller_offer, bad) is None
    assert ask(session.callee_answer, callee.sdp()) is None, "an answer before any offer"
    to_itself = caller.sdp().replace(f"m=audio {caller.port}", f"m=audio {LOW + 2}")
    assert ask(session.caller_offer, to_itself) is None
    assert ask(session.caller_offer, caller.sdp()) is not None
    assert ask(session.callee_answer, callee.sdp()) is not None


def test_strange_call_ids_are_harmless(client, caller) -> None:
    for name in ("", "a b\nX\n", "é" * 500, "%s%n"):
        session = open_session(client, name)
        assert ask(session.caller_offer, caller.sdp()) is not None
        session.close()
    assert client.online


def test_the_sockets_are_for_this_user_alone(client, shared_relay: RelayProcess) -> None:
    for path in (shared_relay.door, link.relay_beside(shared_relay.door)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_controller_is_refused_and_the_first_goes_on(own_client, own_relay: RelayProcess, caller) -> None:
    second = media_client.MediaClient(own_relay.door, HOST)
    drive_for(0.3)
    assert not second.online
    second.close()
    assert own_client.online
    assert ask(open_session(own_client).caller_offer, caller.sdp()) is not None


def test_kill_9_of_the_relay_is_noticed_at_once_and_its_restart_is_found(own_relay, own_client, caller, callee) -> None:
    lost = Box()
    own_client.on_lost = lost
    session, _, _ = bridged(own_client, caller, callee)
    began = time.monotonic()
    own_relay.kill()
    lost.get()
    assert time.monotonic() - began < 1
    assert not own_client.online
    assert session.closed
    assert ask(own_client.open, "call-2") is None
    own_relay.start()  # the sockets of the killed one are still there
    drive(lambda: own_client.online)
    assert len(lost.values) == 1
    _, caller_sends_to, _ = bridged(own_client, caller, callee)
    assert says(caller, "a", caller_sends_to, callee) == "a"


def test_a_relay_that_hangs_is_given_up(own_relay, own_client, caller) -> None:
    lost = Box()
    own_client.on_lost = lost
    session, offered = open_session(own_client), Box()
    own_relay.hang()
    session.caller_offer(caller.sdp(), offered)
    lost.get(8)
    assert offered.values == [None]
    own_relay.signal(signal.SIGCONT)
    drive(lambda: own_client.online)


def test_more_commands_than_a_socket_holds_wait_for_a_relay_that_is_busy_for_a_moment(own_relay, own_client) -> None:
    lost, answers = Box(), Box()
    own_client.on_lost = lost
    own_relay.hang()
    for number in range(3000):
        own_client.command(f"Q nobody-{number} a b" if number % 3 else "V", answers)
        own_client.tell("beat")
    own_relay.signal(signal.SIGCONT)
    drive(lambda: len(answers.values) == 3000)
    assert answers.values == [answers.values[0], None, None] * 1000, "each its own, in order"
    assert answers.values[0] is not None
    assert (own_client.online, lost.values) == (True, [])


def test_sessions_end_when_the_controller_stops_beating(own_client, own_relay, caller, callee) -> None:
    lost = Box()
    own_client.on_lost = lost
    _, caller_sends_to, _ = bridged(own_client, caller, callee)
    assert says(caller, "a", caller_sends_to, callee) == "a"
    own_client._timer.cancel()  # as if the SIP process hung
    began = time.monotonic()
    lost.get()
    assert 1 < time.monotonic() - began < 5
    assert says(caller, "a", caller_sends_to, callee) == ""


def test_sessions_outlive_a_lost_controller_by_the_silence_and_no_longer(own_client, own_relay, caller, callee) -> None:
    _, caller_sends_to, _ = bridged(own_client, caller, callee)
    assert says(caller, "a", caller_sends_to, callee) == "a"
    own_client._link._closed.set()
    own_client._link.drop()
    assert says(caller, "a", caller_sends_to, callee) == "a", "still within the silence"
    drive_for(own_relay.silence_s + 0.5)
    assert says(caller, "a", caller_sends_to, callee) == ""


def test_a_successor_clears_what_its_predecessor_left(own_client, own_relay, caller, callee) -> None:
    _, caller_sends_to, _ = bridged(own_client, caller, callee)
    own_client._link._closed.set()
    own_client._link.drop()
    successor = media_client.MediaClient(own_relay.door, HOST)
    drive(lambda: successor.online)
    drive_for(0.1)
    assert says(caller, "a", caller_sends_to, callee) == ""
    successor.close()


def test_a_session_without_packets_ends_and_its_owner_is_told(own_folder, caller, callee) -> None:
    relay = RelayProcess(own_folder, silence_s=5, idle_s=2).start()
    client = media_client.MediaClient(relay.door, HOST)
    drive(lambda: client.online)
    session, _, _ = bridged(client, caller, callee)
    ended = Box()
    session.on_ended = ended
    ended.get(10)
    assert session.closed
    client.close()
    relay.stop()


def test_a_stop_removes_the_sockets_and_a_second_start_is_refused_while_one_runs(own_relay, own_client) -> None:
    second = RelayProcess(own_relay.folder).start()
    assert second.process is not None
    assert second.process.wait(10) != 0
    own_client.close()
    assert own_relay.stop() == 0
    assert not own_relay.door.exists()
    assert not os.path.exists(link.relay_beside(own_relay.door))


def test_guests_that_talk_nonsense_at_the_door_do_no_harm(client, shared_relay, caller, callee) -> None:
    _, caller_sends_to, _ = bridged(client, caller, callee)
    guests = []
    for data in (b"\n\n\n", b"beat\n" * 100, b"\xff" * 9000, b"hello", b""):
        guest = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        guest.connect(str(shared_relay.door))
        guest.sendall(data)
        guests.append(guest)
    drive_for(0.2)
    for guest in guests:
        guest.close()
    assert says(caller, "a", caller_sends_to, callee) == "a"
    assert client.online
