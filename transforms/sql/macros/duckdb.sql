-- The only engine-specific text: calendar arithmetic. Months clip: 31 May − 3 months = 28/29 February (§6.1).
CREATE OR REPLACE TEMP MACRO mois_avant(jour, nombre) AS CAST(jour - TO_MONTHS(CAST(nombre AS INTEGER)) AS DATE);
CREATE OR REPLACE TEMP MACRO jours_apres(jour, nombre) AS CAST(jour + CAST(nombre AS INTEGER) AS DATE);
CREATE OR REPLACE TEMP MACRO premier_janvier(jour) AS MAKE_DATE(YEAR(jour), 1, 1);
CREATE OR REPLACE TEMP MACRO jours_entre(debut, fin) AS DATE_DIFF('day', debut, fin);
CREATE OR REPLACE TEMP MACRO mois_entre(debut, fin) AS DATE_SUB('month', debut, fin);
