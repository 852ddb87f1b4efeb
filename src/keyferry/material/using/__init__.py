"""What keys are used for: encrypting, wrapping, signing, and the way back, on values alone."""
