"""What our training costs beside a bare script of the same libraries.

    python -m bench.training [--rounds 3] [--steps 60] [--size llama-1m]

Each round runs both, one after the other and in turns first, over the same rows in the same order, with the same model,
batch and optimizer, in one process on one thread. The bare script is transformers' Trainer with a list of rows and its
own collator, a point every ten steps and no checkpoint; ours also tells each point, listens, and keeps a checkpoint at its end,
which is not counted, as saving is not counted for the other. The figure is tokens a second over the steps.
"""
