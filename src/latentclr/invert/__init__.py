"""Latents of a given photo: by an encoder, by optimisation, and both in one."""
