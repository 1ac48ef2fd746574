"""The laws as a beginner types them: in plain counts, from the paper."""


def chinchilla(N, D, E, A, B, alpha, beta):  # noqa: ANN001, ANN201
    """L = E + A / N^alpha + B / D^beta."""
    return E + A / N**alpha + B / D**beta


def p2(N, D, rho, L0, N_C, D_C, E, alpha, beta, gamma, delta):  # noqa: ANN001, ANN201, PLR0917
    """L = L0 + (1/rho)^gamma (1/N)^delta (N_C / N^alpha + D_C / D^beta + E)."""
    scale = (1 / rho) ** gamma * (1 / N) ** delta
    return L0 + scale * (N_C / N**alpha + D_C / D**beta + E)


NAMES = {
    "chinchilla": ("E", "A", "B", "alpha", "beta"),
    "p2": ("N_C", "D_C", "E", "alpha", "beta", "gamma", "delta"),
}
LAWS = {"chinchilla": chinchilla, "p2": p2}
INPUTS = {"chinchilla": ("N", "D"), "p2": ("N", "D", "rho", "L0")}
