-- §6.5 Numerator and denominator of each indicator, before asking whether their sources are there.
SELECT finess_et, 'dossiers_actifs' AS indicateur, dossiers_actifs AS numerateur, file_active AS denominateur
FROM effectifs
UNION ALL
SELECT finess_et, 'projet_personnalise', dossiers_projet, dossiers_actifs
FROM effectifs
UNION ALL
SELECT finess_et, 'agenda', dossiers_agenda, dossiers_actifs
FROM effectifs
UNION ALL
SELECT finess_et, 'mss', messages, personnes_eligibles
FROM effectifs
UNION ALL
SELECT finess_et, 'dmp', personnes_dmp, personnes_eligibles
FROM effectifs
UNION ALL
SELECT finess_et, 'eprescription', eprescriptions, CAST(NULL AS BIGINT)
FROM effectifs
UNION ALL
SELECT finess_et, 'eparcours', echanges_eparcours, CAST(NULL AS BIGINT)
FROM effectifs
