"""What grows is told from what only settles."""

from chaos.slope import slope


def test_a_straight_rise_is_found_as_it_is() -> None:
    found = slope("memory", [(at, 100 + at / 3600) for at in range(0, 3600, 10)])

    assert abs(found.an_hour - 1) < 1e-6
    assert found.last > found.first


def test_what_settles_in_the_first_third_does_not_count() -> None:
    samples = [(float(at), min(at, 900.0)) for at in range(0, 3600, 10)]

    assert abs(slope("memory", samples).an_hour) < 1e-6


def test_going_up_and_down_is_no_growth() -> None:
    samples = [(float(at), 50 + at // 10 % 2 * 10) for at in range(0, 3600, 10)]

    assert abs(slope("sockets", samples).an_hour) < 1
