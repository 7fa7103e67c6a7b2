"""Customer-journey data platform: sources to touchpoints to profiles to journeys to KPIs."""
