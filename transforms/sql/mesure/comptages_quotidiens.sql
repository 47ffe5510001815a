-- §4.2 mss, rows without id_message: "a daily count: key (finess_et, bal_emettrice, sens, day); inside a file such rows
-- of one key add up; across files the latest extraction wins."
WITH par_depot AS (
    SELECT
        finess_et,
        bal_emettrice,
        sens,
        CAST(horodatage AS DATE) AS jour,
        ordre,
        SUM(nb_messages) AS nb_messages
    FROM depose_mss
    WHERE id_message IS NULL
    GROUP BY finess_et, bal_emettrice, sens, CAST(horodatage AS DATE), ordre
),

classes AS (
    SELECT
        finess_et,
        bal_emettrice,
        sens,
        jour,
        nb_messages,
        ROW_NUMBER() OVER (PARTITION BY finess_et, bal_emettrice, sens, jour ORDER BY ordre DESC) AS rang
    FROM par_depot
)

SELECT
    finess_et,
    bal_emettrice,
    sens,
    jour,
    nb_messages
FROM classes
WHERE rang = 1
