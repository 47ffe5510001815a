"""The only French vocabulary: a status, an indicator, a finding or an alert is worded here, once."""
