"""Run folders: what the commands leave on the disk, whole or not there."""
