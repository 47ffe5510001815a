-- §4.3 eprescription: "inside a file the smallest horodatage stands for its key; across files the latest extraction wins."
-- §6.5 imports whose day is in the window.
WITH lignes AS (
    SELECT
        finess_et,
        horodatage,
        ROW_NUMBER() OVER (PARTITION BY finess_et, id_import ORDER BY ordre DESC, horodatage ASC) AS rang
    FROM depose_eprescription
)

SELECT l.finess_et
FROM lignes AS l
INNER JOIN fenetres AS f ON f.finess_et = l.finess_et
WHERE l.rang = 1 AND CAST(l.horodatage AS DATE) BETWEEN f.debut_fenetre AND f.fin_fenetre
