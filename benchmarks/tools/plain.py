"""The laws as a beginner types them: in plain counts, from the paper."""


def chinchilla(params, tokens, E, A, B, alpha, beta):  # noqa: ANN001, ANN201
    """L = E + A / N^alpha + B / D^beta."""
    return E + A / params**alpha + B / tokens**beta


def p2(params, tokens, pruning_rate, base_loss, N_C, D_C, E, alpha, beta, gamma, delta):  # noqa: ANN001, ANN201
    """L = L0 + (1/rho)^gamma (1/N)^delta (N_C / N^alpha + D_C / D^beta + E)."""
    scale = (1 / pruning_rate) ** gamma * (1 / params) ** delta
    return base_loss + scale * (N_C / params**alpha + D_C / tokens**beta + E)


NAMES = {
    "chinchilla": ("E", "A", "B", "alpha", "beta"),
    "p2": ("N_C", "D_C", "E", "alpha", "beta", "gamma", "delta"),
}
LAWS = {"chinchilla": chinchilla, "p2": p2}
