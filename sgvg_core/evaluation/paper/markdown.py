"""Tables as Markdown."""

from .tables import Cell, Metric, Table


def format_paper_table(table: Table) -> str:
    """A measured table, and below it by how much ours (under its name there) has more than each row, as Markdown."""
    titles = [metric.title for metric in table.metrics]
    lines = [f"**{table.title}**", "", f"| {table.of} | {' | '.join(titles)} |", "|---" * (1 + len(titles)) + "|"]
    lines += [f"| {row.name} | " + " | ".join(_figure(row.cells[metric.name]) for metric in table.metrics) + " |" for row in table.rows]
    compared = [row for row in table.rows if any(cell and cell.ours_more for cell in row.cells.values())]
    if compared:
        ours = next(row.name for row in table.rows if row.key == "ours")
        lines += ["", f"| {ours} less | {' | '.join(metric.name for metric in table.metrics)} |", "|---" * (1 + len(titles)) + "|"]
        lines += [f"| {row.name} | " + " | ".join(_more(row.cells[metric.name], metric) for metric in table.metrics) + " |" for row in compared]
        lines += ["", "In brackets 95 % intervals (paired bootstrap over clips): **better** or **worse** where the interval excludes 0, else *open*."]
    return "\n".join([*lines, *(f"\n{note}" for note in table.notes)])


def _figure(cell: Cell | None) -> str:
    return "-" if cell is None else f"{_number(cell.value)} ({_number(cell.low)} to {_number(cell.high)})"


def _more(cell: Cell | None, metric: Metric) -> str:
    if cell is None or cell.ours_more is None:
        return "-"
    more = cell.ours_more
    said = f"{_number(more.value, True)} ({_number(more.low, True)} to {_number(more.high, True)})"
    if not metric.better:
        return said
    return f"{said} {'*open*' if not more.excludes_zero else '**better**' if more.value * metric.better > 0 else '**worse**'}"


def _number(value: float, signed: bool = False) -> str:
    size = abs(value)
    digits = 1 if size >= 100 else 2 if size >= 10 else 4 if 0 < size < 0.01 else 3
    return f"{value:{'+' if signed else ''}.{digits}f}"
