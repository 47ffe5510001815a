-- §6.3 "An ins borne by more than two id_personne of the ESSMS identifies nobody: it is left out everywhere."
SELECT
    finess_et,
    ins
FROM dossiers_courants
WHERE ins IS NOT NULL
GROUP BY finess_et, ins
HAVING COUNT(DISTINCT id_personne) > 2
