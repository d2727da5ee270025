"""What a run is told as: how often what happened, what was found, and the line that counts."""

from chaos.run import Outcome

MUST_BE_ZERO = ("lost", "doubled", "skipped", "differing")


def report(outcome: Outcome, seconds: float) -> str:
    """Everything but the last line."""
    findings = outcome.findings
    lines = ["", f"{outcome.cycles} cycles in {seconds:.0f} s, {outcome.commits} commits"]
    lines += [f"  {name:<28}{times}" for name, times in sorted(findings.seen.items())]
    lines.append("longest outages")
    for who, (long, cycle) in outcome.outages.items():
        lines.append(f"  {who:<28}{long:.1f} s, from cycle {cycle}")
    lines += [f"left out: {reason}" for reason in outcome.left_out]
    lines += [f"left by itself: {what}" for what in outcome.left_by_themselves]
    lines += findings.sentences
    return "\n".join(lines)


def last_line(outcome: Outcome) -> str:
    findings = outcome.findings
    counts = " ".join(f"{name} {findings.counts[name]}" for name in MUST_BE_ZERO)
    wrong = f" wrong {findings.counts['wrong']}" if findings.counts["wrong"] else ""
    return f"cycles {outcome.cycles} acknowledged {findings.seen['acknowledged']} {counts}{wrong}"
