"""The customer portal: what a customer sees by a link, in its language and under its supplier's brand (spec 07 §5)."""
