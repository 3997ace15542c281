"""The ops in plain torch: the measure of every kernel, and the kernel of every other device."""
