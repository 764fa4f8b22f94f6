"""SMS, USSD, fax, mail. Its place is kept; nothing is built yet."""
