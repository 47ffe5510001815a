-- §7 porteurs, territoires: "Only ESSMS of one window are added, and only those whose `taux` is not null", so that a sum
-- never sets a numerator against the denominator of others. The figures that sums may add: an indicator without a
-- denominator counts where its numerator is known.
SELECT
    date_mesure,
    finess_et,
    indicateur,
    numerateur,
    denominateur,
    statut = 'source_partielle' AS partiel
FROM indicateurs
WHERE taux IS NOT NULL OR (statut IN ('calcule', 'source_partielle') AND denominateur IS NULL)
