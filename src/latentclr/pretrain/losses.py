"""Losses of generator and discriminator.

D is the discriminator's logit: above 0 it takes a picture for real. Every loss is a mean over the batch.
"""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import softplus

Logits = Float[Tensor, " n"]
"""The discriminator's output for each picture."""
Loss = Float[Tensor, ""]


def logistic_discriminator(real: Logits, fake: Logits) -> Loss:
    """-log sigmoid(D(x)) - log(1 - sigmoid(D(G(z)))), by softplus(a) = log(1 + exp(a)).

    Goodfellow and others: Generative Adversarial Nets (NeurIPS 2014), equation 1.

    Args:
        real: logits of real pictures.
        fake: logits of generated pictures.
    """
    return softplus(-real).mean() + softplus(fake).mean()


def logistic_generator(fake: Logits) -> Loss:
    """-log sigmoid(D(G(z))): "non-saturating", since its gradient is largest where the generator is worst.

    Goodfellow and others (NeurIPS 2014), section 3.
    """
    return softplus(-fake).mean()


def hinge_discriminator(real: Logits, fake: Logits) -> Loss:
    """max(0, 1 - D(x)) + max(0, 1 + D(G(z))).

    Lim and Ye: Geometric GAN (2017), equation 8; Brock and others: BigGAN (ICLR 2019), section 3.

    Args:
        real: logits of real pictures.
        fake: logits of generated pictures.
    """
    return (1 - real).relu().mean() + (1 + fake).relu().mean()


def hinge_generator(fake: Logits) -> Loss:
    """-D(G(z)), the generator's side of the hinge loss. Lim and Ye (2017), equation 9."""
    return -fake.mean()


def r1_penalty(
    discriminator: Callable[[Float[Tensor, "n c h w"]], Logits],
    real: Float[Tensor, "n c h w"],
    gamma: float,
) -> Loss:
    """Half of gamma times E |grad_x D(x)|^2 over real pictures x; can itself be differentiated.

    Mescheder, Geiger, Nowozin: Which Training Methods for GANs do actually Converge? (ICML 2018), equation 9.

    Args:
        discriminator: one number for each picture, which depends on the others only weakly (minibatch
            standard deviation): the gradient is that of the sum.
        real: pictures.
        gamma: weight of the penalty.
    """
    real = real.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(discriminator(real).sum(), real, create_graph=True)
    return gradient.square().sum((1, 2, 3)).mean() * (gamma / 2)


def lazy_adam(lr: float, betas: tuple[float, float], interval: int) -> tuple[float, tuple[float, float]]:
    """Learning rate and betas of Adam where every `interval` steps one more is made, for a penalty alone.

    With c = k / (k + 1) for the interval k: lr becomes c lr and each beta becomes beta^c, so that k + 1 steps
    move and forget as much as k did. Karras and others: Analyzing and Improving the Image Quality of StyleGAN
    (CVPR 2020), appendix B ("lazy regularization"). The penalty is to be multiplied by k.

    >>> lazy_adam(0.0017, (0.0, 0.99), 16)[0]
    0.0016

    Args:
        lr: learning rate without the additional steps.
        betas: of Adam without them.
        interval: k, steps from one penalty to the next.
    """
    c = interval / (interval + 1)
    return round(lr * c, 15), (betas[0] ** c, betas[1] ** c)
