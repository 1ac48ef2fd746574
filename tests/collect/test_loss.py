"""The loss is a sum over targets in float32, whatever is chunked, mixed or computed in bfloat16."""

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import AutoConfig, AutoModelForCausalLM

from p2law.collect import loss
from p2law.collect.loss import Objective


def model(seed=0, vocabulary=97):
    """A one-layer Llama with random weights, large enough for losses to differ."""
    torch.manual_seed(seed)
    config = AutoConfig.for_model(
        "llama",
        vocab_size=vocabulary,
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=8,
        initializer_range=0.2,
    )
    return AutoModelForCausalLM.from_config(config)


@pytest.fixture
def windows():
    """Three windows of eleven targets."""
    return torch.randint(0, 97, (3, 12), generator=torch.Generator().manual_seed(1))


def test_the_loss_is_the_sum_of_what_transformers_gives_as_a_mean(windows):
    """
    33 targets times their mean.
    """
    made = model()

    total, entropy = (each.detach() for each in Objective(made)(windows))

    theirs = made(input_ids=windows, labels=windows).loss.detach()
    assert float(total) == pytest.approx(33 * float(theirs), rel=1e-6)
    assert float(total) == float(entropy)


def test_chunks_change_neither_loss_nor_gradients(windows, monkeypatch):
    """
    Row by row or all at once: the same numbers up to rounding.
    """
    found = {}
    for rows in (2**20, 97 * 5):
        monkeypatch.setattr(loss, "CHUNK_ELEMENTS", rows)
        made = model()
        total, _ = Objective(made)(windows)
        total.backward()
        found[rows] = (
            float(total.detach()),
            made.lm_head.weight.grad,
            made.model.embed_tokens.weight.grad,
        )

    (one, *ours), (other, *theirs) = found.values()
    assert one == pytest.approx(other, rel=1e-6)
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-5, atol=1e-5)


def test_measured_losses_are_not_rounded_to_bfloat16(windows):
    """
    Under bfloat16 the exact loss comes from float32 logits: more than three digits survive.
    """
    made = model()
    with torch.autocast("cpu", torch.bfloat16):
        _, exact = Objective(made)(windows, exact=True)
        hidden = made.model(input_ids=windows[:, :-1]).last_hidden_state

    logits = hidden.detach().float() @ made.lm_head.weight.detach().T
    truth = torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), windows[:, 1:].flatten(), reduction="sum"
    )

    assert exact.dtype == torch.float32
    assert float(exact) == pytest.approx(float(truth), rel=1e-6)


def test_distillation_mixes_divergence_and_cross_entropy(windows):
    """
    kd_weight * T^2 * KL(teacher || model) + (1 - kd_weight) * cross entropy, summed.
    """
    student, teacher = model(0), model(1)

    made = Objective(student, teacher, kd_weight=0.7, temperature=2.0)
    total, entropy = (each.detach() for each in made(windows))

    ours, theirs = (
        torch.log_softmax(each(input_ids=windows[:, :-1]).logits.detach() / 2, -1)
        for each in (student, teacher)
    )
    divergence = float((theirs.exp() * (theirs - ours)).sum())
    assert float(total) == pytest.approx(0.7 * 4 * divergence + 0.3 * float(entropy), rel=1e-5)


def test_a_model_does_not_diverge_from_itself(windows):
    """
    With itself as teacher only the cross entropy is left.
    """
    made = Objective(model(), model(), kd_weight=0.5)
    total, entropy = (each.detach() for each in made(windows))

    assert float(total) == pytest.approx(0.5 * float(entropy), rel=1e-6)


def test_a_teacher_does_not_learn(windows):
    """
    Gradients reach the model alone.
    """
    student, teacher = model(0), model(1)

    Objective(student, teacher, kd_weight=1.0)(windows)[0].backward()

    assert all(weight.grad is None for weight in teacher.parameters())
    assert all(weight.grad is not None for weight in student.parameters())


def test_measuring_does_not_ask_the_teacher(windows):
    """
    The exact loss is the model's own cross entropy.
    """
    student = model(0)
    alone = Objective(student)(windows, exact=True)[1]

    made = Objective(student, model(1), kd_weight=1.0)
    total, entropy = (each.detach() for each in made(windows, exact=True))

    assert float(alone) == float(total) == float(entropy)


def test_a_teacher_is_never_in_training():
    """
    Whatever mode is set, the teacher stays as it measures.
    """
    made = Objective(model(0), model(1), kd_weight=0.5)

    made.train()

    assert made.training
    assert made.model.training
    assert not any(part.training for part in made.teacher.modules())
    assert not made.eval().model.training
