"""All papers and cards at once (`shelf`): compared, mapped, exported, and what was read of them kept (`cache`)."""
