-- §4.2 mss, rows with id_message: "one line of a message (one per recipient in some exports, counted once): key
-- (finess_et, id_message, sens); inside a file the row with the smallest horodatage stands for its key; across files the
-- latest extraction wins."
WITH lignes AS (
    SELECT
        finess_et,
        bal_emettrice,
        sens,
        CAST(horodatage AS DATE) AS jour,
        nb_messages,
        ROW_NUMBER() OVER (
            PARTITION BY finess_et, id_message, sens ORDER BY ordre DESC, horodatage ASC, ligne ASC
        ) AS rang
    FROM depose_mss
    WHERE id_message IS NOT NULL
)

SELECT
    finess_et,
    bal_emettrice,
    sens,
    jour,
    nb_messages
FROM lignes
WHERE rang = 1
