#!/bin/sh
# La mesure officielle du mois pour cron et systemd : le 1er de ce mois et les deux précédents (la population d'une mesure
# se fige 45 jours après sa date). Les arguments sont ceux de « duimetre nuit ». Le jour est celui de TZ.
set -eu
ici=$(cd "$(dirname "$0")/.." && pwd)
premier=$(date +%Y-%m-01)
exec "$ici/.venv/bin/duimetre" nuit "$@" \
    --date-mesure "$premier" \
    --date-mesure "$(date -d "$premier -1 month" +%Y-%m-%d)" \
    --date-mesure "$(date -d "$premier -2 month" +%Y-%m-%d)"
