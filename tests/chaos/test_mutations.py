"""The bugs that are brought back on purpose: a patch that does not apply any more would show nothing."""

import shlex

from chaos.mutate import ROOT, mutations, stale


def test_every_mutation_applies_to_the_project_as_it_is() -> None:
    assert stale(list(mutations([]))) == []


def test_every_mutation_says_what_it_breaks_and_names_a_program_that_is_there() -> None:
    for mutation in mutations([]):
        program, *arguments = shlex.split(mutation.caught_by)
        named = [one for one in arguments if "/" in one]

        assert mutation.what
        assert program in ("chaos", "pytest", "node")
        assert all((ROOT / one).exists() for one in named), mutation.name
