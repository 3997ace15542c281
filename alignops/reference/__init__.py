"""The ops in plain torch: the definition that every kernel is measured against, and the kernel of every other device."""
