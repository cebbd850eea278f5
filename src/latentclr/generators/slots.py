"""Named groups of a generator's slots."""

ALL = "all"
GROUPS = ("coarse", "middle", "fine")


def slot_groups(count: int) -> dict[str, tuple[int, ...]]:
    """All slots, and the thirds of them by name; of two slots there is no middle, of one are no thirds.

    >>> slot_groups(9)["middle"], slot_groups(2)
    ((3, 4, 5), {'all': (0, 1), 'coarse': (0,), 'fine': (1,)})
    """
    edges = [round(count * i / len(GROUPS)) for i in range(len(GROUPS) + 1)]
    thirds = {name: tuple(range(edges[i], edges[i + 1])) for i, name in enumerate(GROUPS)}
    if count <= 2:
        thirds = {GROUPS[0]: (0,), GROUPS[2]: (1,)} if count == 2 else {}
    return {ALL: tuple(range(count)), **thirds}
