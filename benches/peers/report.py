"""The tables of the comparison."""

import statistics


def three(values, form):
    values = sorted(values)
    return ", ".join(form.format(value) for value in (values[0], statistics.median(values), values[-1]))


def show(lines):
    """Prints the ratios first, then what was measured. Lines of one row and system are its rounds."""
    measured = {}
    for line in lines:
        systems = measured.setdefault((line["row"], line["members"]), {})
        systems.setdefault(line["system"], []).append(line)
    print("memberbase divided by the other in the same round: least, median, greatest\n")
    print("| what | against | members | ratio of rates | ratio of CPU, median |")
    print("| --- | --- | --- | --- | --- |")
    for (row, members), systems in measured.items():
        ours = next((rounds for rounds in systems.values() if rounds[0]["ours"]), None)
        for name, theirs in systems.items():
            if ours is not None and theirs is not ours and ratios(ours, theirs, "rate"):
                rates = three(ratios(ours, theirs, "rate"), "{:.2f}")
                print(f"| {row} | {name} | {members:,} | {rates} | {cpu(ours, theirs)} |")
    print("\nleast, median, greatest\n")
    print("| what | system | per second | server CPU, us | p50, ms | p99, ms |")
    print("| --- | --- | --- | --- | --- | --- |")
    for (row, members), systems in measured.items():
        for name, rounds in systems.items():
            taken = "" if rounds[0]["cpu"] is None else three([one["cpu"] for one in rounds], "{:.1f}")
            times = [three([one[key] for one in rounds], "{:.1f}") for key in ("p50", "p99")]
            rate = three([one["rate"] for one in rounds], "{:,.0f}").replace(", ", " / ")
            print(f"| {row} | {name} | {rate} | {taken} | {times[0]} | {times[1]} |")


def ratios(ours, theirs, key):
    """In the rounds that both have."""
    others = {their["round"]: their[key] for their in theirs}
    return [our[key] / others[our["round"]] for our in ours if our["round"] in others]


def cpu(ours, theirs):
    if ours[0]["cpu"] is None or theirs[0]["cpu"] is None:
        return ""
    return f"{statistics.median(ratios(ours, theirs, 'cpu')):.2f}"
