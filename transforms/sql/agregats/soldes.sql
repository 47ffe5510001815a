-- §6.6 "montant_accorde, when the register has it, is what counts"; "Advance and balance are 50 % each, in exact cents, the
-- odd one in the balance; null where no amount is known"; "solde_payable = min(balance, justified expenses − advance),
-- never below 0; null without amount or expenses." §4.6, depenses.csv: "the latest row of a project dated ≤ D counts".
WITH justifiees AS (
    SELECT
        p.date_mesure,
        p.projet,
        MAX(d.date) AS date_depenses,
        MAX_BY(d.montant, d.date) AS depenses_justifiees
    FROM projets_mesures AS p
    INNER JOIN depenses AS d ON d.projet = p.projet AND d.date <= p.date_mesure
    GROUP BY p.date_mesure, p.projet
),

avances AS (
    SELECT
        date_mesure,
        projet,
        COALESCE(montant_accorde, montant_theorique) AS montant,
        CAST(TRUNC(COALESCE(montant_accorde, montant_theorique) * 0.5, 2) AS DECIMAL(14, 2)) AS avance
    FROM projets_mesures
)

SELECT
    a.date_mesure,
    a.projet,
    a.avance,
    CAST(a.montant - a.avance AS DECIMAL(14, 2)) AS solde,
    j.date_depenses,
    j.depenses_justifiees,
    CASE
        WHEN a.montant IS NULL OR j.depenses_justifiees IS NULL THEN NULL
        ELSE CAST(GREATEST(LEAST(a.montant - a.avance, j.depenses_justifiees - a.avance), 0) AS DECIMAL(14, 2))
    END AS solde_payable
FROM avances AS a
LEFT JOIN justifiees AS j ON j.date_mesure = a.date_mesure AND j.projet = a.projet
