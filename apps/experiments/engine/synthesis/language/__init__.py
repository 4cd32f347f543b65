"""The words of the DSL: every primitive there is, by what it works on."""
