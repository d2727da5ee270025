"""What goes wrong is drawn from a seed, so that a run that found something can be had again."""

import msgspec

from chaos.schedule import KINDS, cycles


def test_the_same_seed_has_the_same_faults_and_another_has_others() -> None:
    assert list(cycles(7, 20)) == list(cycles(7, 20))
    assert list(cycles(7, 20)) != list(cycles(8, 20))


def test_a_longer_run_begins_as_a_shorter_one() -> None:
    assert list(cycles(7, 20))[:5] == list(cycles(7, 5))


def test_six_cycles_meet_every_kind_of_fault() -> None:
    names = {msgspec.to_builtins(fault)["fault"] for one in cycles(3, 6) for fault in one.faults}

    assert names == {
        *("killed", "stopped", "restart_storm", "suspended", "bad_network"),
        *("disk_full", "power_loss", "stalled_reader", "clock_jump", "rebuild"),
    }


def test_a_run_can_be_about_some_kinds_alone() -> None:
    faults = [fault for one in cycles(3, 6, only=["power_loss"]) for fault in one.faults]

    assert {msgspec.to_builtins(fault)["fault"] for fault in faults} == {"power_loss"}
    assert "power_loss" in KINDS
