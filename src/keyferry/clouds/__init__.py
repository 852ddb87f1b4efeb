"""Live connectors, one folder a cloud. They move files and read back; they hold no rules.

Which key may leave, for whom and to where is custody's to say. What a connector knows is how a cloud is spoken to, what
it answers, and what its refusals mean.
"""
