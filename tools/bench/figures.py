"""Figures of measurements that took turns: medians, quartiles, ratios of one side to another."""
import statistics


def quartiles(values):
    """(first, median, third), linear between neighbours: of one value, three times that."""
    if len(values) == 1:
        return (values[0],) * 3
    return tuple(statistics.quantiles(values, n=4, method="inclusive"))


def spread(values):
    first, median, third = quartiles(values)
    return {"count": len(values), "min": min(values), "first_quartile": first, "median": median,
            "third_quartile": third, "max": max(values)}


def ratio(over, under):
    """Of medians; and the spread of the ratios of blocks that stood beside each other, which a
    change of the machine's speed meets alike."""
    return {"ratio": statistics.median(over) / statistics.median(under),
            "of_blocks": spread([a / b for a, b in zip(over, under)])}


def mean_and_error(values):
    """Of the mean: its standard error, None of one value."""
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else None
    return {"mean": statistics.mean(values), "standard_error": error, "values": values}
