"""What to do about each symptom."""

from zoo.doctor.samples import COLLAPSED, EXCHANGED, INVERTED
from zoo.doctor.terms import DISCRIMINATOR_WON, GENERATOR_WON, KL_COLLAPSED, OVERFLOW

SUGGESTIONS = {
    DISCRIMINATOR_WON: (
        "Its gradient tells the generator little now. Lower the discriminator's learning rate, add "
        "noise to what it sees or smooth its labels, take the non-saturating loss, or a "
        "Wasserstein loss with gradient penalty."
    ),
    GENERATOR_WON: (
        "The discriminator guesses or lags behind. Raise its learning rate or its steps per turn, "
        "make it larger, or lower the generator's learning rate."
    ),
    KL_COLLAPSED: (
        "The latent vector is not used. Raise the weight of KL slowly from zero, lower beta, leave "
        "some nats free of it, or make the decoder weaker."
    ),
    COLLAPSED: (
        "Look at the samples. For an adversarial model lower the learning rates, show the "
        "discriminator larger batches, or take a Wasserstein loss with gradient penalty; for "
        "another, see whether the latent vector is used."
    ),
    INVERTED: (
        "See whether images are scaled to the range that the output layer has, [0, 1] or [-1, 1], "
        "and scaled back without a change of sign."
    ),
    EXCHANGED: (
        "See whether images are read and written in the same order of channels, red first in both."
    ),
    OVERFLOW: (
        "Lower the learning rate, clip the gradients (clipnorm of the optimizer), or use precision "
        "float32 in place of float16."
    ),
}
