-- §4.2 mss: "Where both grains give the same (finess_et, bal_emettrice, sens, day), the identified messages count and
-- the daily count does not; a daily count without bal_emettrice gives way to any identified message of that ESSMS, sens and
-- day."
SELECT
    finess_et,
    sens,
    jour,
    nb_messages
FROM messages_identifies
UNION ALL
SELECT
    c.finess_et,
    c.sens,
    c.jour,
    c.nb_messages
FROM comptages_quotidiens AS c
WHERE NOT EXISTS (
    SELECT 1
    FROM messages_identifies AS i
    WHERE
        i.finess_et = c.finess_et
        AND i.sens = c.sens
        AND i.jour = c.jour
        AND (c.bal_emettrice IS NULL OR i.bal_emettrice = c.bal_emettrice)
)
