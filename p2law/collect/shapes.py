"""Sizes of a model: parameters and FLOPs in closed form.

Llama and Qwen2 decoders are one family of shapes: RMS norms, rotary attention
with grouped keys and values, a gated FFN, and no bias but Qwen2's on queries,
keys and values. Everything here is arithmetic on nine sizes; no weight is read.
"""

from dataclasses import dataclass

SIZES = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
)


@dataclass(frozen=True)
class Shape:
    """Sizes of a Llama or Qwen2 decoder, as its config.json gives them.

    Attributes
    ----------
    model_type : str
        ``"llama"`` or ``"qwen2"``.
    hidden_size : int
        Channels of the residual stream.
    num_hidden_layers : int
        Decoder layers.
    num_attention_heads, num_key_value_heads : int
        Heads of queries, and of keys and values; as many queries share each pair.
    head_dim : int
        Width of one head; not always ``hidden_size / num_attention_heads``.
    intermediate_size : int
        Neurons of the gated FFN.
    vocab_size : int
        Rows of the embedding.
    tie_word_embeddings : bool
        The output layer is the embedding itself and has no parameters of its own.
    qkv_bias : bool
        Queries, keys and values have biases (Qwen2).
    """

    model_type: str
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    tie_word_embeddings: bool
    qkv_bias: bool

    @property
    def family(self) -> str:
        """Name of the family in records: ``"llama"`` or ``"qwen2"``."""
        return self.model_type

    @property
    def matrices(self) -> tuple[tuple[str, int, int], ...]:
        """Linear maps of one decoder layer: name below the layer, rows (outputs), columns."""
        hidden, ffn = self.hidden_size, self.intermediate_size
        queries = self.num_attention_heads * self.head_dim
        keys = self.num_key_value_heads * self.head_dim
        return (
            ("self_attn.q_proj", queries, hidden),
            ("self_attn.k_proj", keys, hidden),
            ("self_attn.v_proj", keys, hidden),
            ("self_attn.o_proj", hidden, queries),
            ("mlp.gate_proj", ffn, hidden),
            ("mlp.up_proj", ffn, hidden),
            ("mlp.down_proj", hidden, ffn),
        )

    @property
    def matrix_params(self) -> int:
        """Weights of the seven linear maps of one decoder layer, without biases."""
        return sum(rows * columns for _, rows, columns in self.matrices)

    @property
    def layer_params(self) -> int:
        """Parameters of one decoder layer: linear maps, biases, two norms."""
        heads = self.num_attention_heads + 2 * self.num_key_value_heads
        biases = heads * self.head_dim if self.qkv_bias else 0
        return self.matrix_params + biases + 2 * self.hidden_size

    @property
    def stack_params(self) -> int:
        """Parameters of all decoder layers."""
        return self.num_hidden_layers * self.layer_params

    @property
    def embedding_params(self) -> int:
        """Parameters of the embedding and of the output layer, counted once where tied."""
        return self.vocab_size * self.hidden_size * (1 if self.tie_word_embeddings else 2)

    @property
    def params(self) -> int:
        """Parameters of the model: embeddings, decoder layers and the last norm."""
        return self.embedding_params + self.stack_params + self.hidden_size

    def flops_per_token(self, sequence: int) -> float:
        """FLOP of training on one token, forward and backward.

        Matrix products alone, two FLOP for each product of two numbers, attention
        over the whole window: ``6 (layers x matrix_params + vocab x hidden)
        + 12 layers x heads x head_dim x sequence``. The embedding is a look-up, the
        output layer is a product whether tied or not. This is what
        `torch.utils.flop_counter` counts for eager attention, to the last FLOP; left
        out are, as there, norms, activations, softmax, biases and the optimiser.
        Recomputing activations and skipping the masked half of attention change
        what a machine executes, not this number.

        Parameters
        ----------
        sequence : int, token
            Length of the windows.

        Returns
        -------
        float, FLOP per token
        """
        return 3.0 * self.forward_flops_per_token(sequence)

    def forward_flops_per_token(self, sequence: int) -> float:
        """FLOP of predicting one token: a third of those of training on it.

        Parameters
        ----------
        sequence : int, token
            Length of the windows.

        Returns
        -------
        float, FLOP per token
        """
        products = self.num_hidden_layers * self.matrix_params + self.vocab_size * self.hidden_size
        heads = self.num_attention_heads * self.head_dim
        return float(2 * products + 4 * self.num_hidden_layers * heads * sequence)
