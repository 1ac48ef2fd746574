"""The curve of a run that is being trained, each loss at the tokens where it belongs."""

from dataclasses import dataclass, field

import pandas as pd

from p2law.records.vocabulary import TOKENS


@dataclass
class Readings:
    """Losses so far, in order.

    Attributes
    ----------
    means : bool
        Whether each is a mean over the steps since the one before, and so stands in the middle
        of them, as in `p2law.logs`.
    rows : list of (float, float)
        Tokens and loss.
    """

    means: bool
    rows: list[tuple[float, float]] = field(default_factory=list)
    _since: tuple[float, float] = (0.0, 0.0)

    def begin(self, step: float, tokens: float) -> None:
        """Begin the next mean here: a trainer forgets what it had not logged at a checkpoint."""
        self._since = step, tokens

    def add(self, step: float, tokens: float, loss: float) -> None:
        """Take a loss that was logged after so many steps and tokens."""
        begun, before = self._since
        self.begin(step, tokens)
        if self.means:
            # The loss of a step is that of the model before it.
            tokens -= (tokens - before) * (1 + 1 / max(step - begun, 1)) / 2
        self.rows.append((float(tokens), float(loss)))

    def curve(self, target: str) -> pd.DataFrame:
        """The same as a table of tokens and the target."""
        return pd.DataFrame(self.rows, columns=[TOKENS, target])
