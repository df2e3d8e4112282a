// Package gs1 reads the identifiers that GS1 issues: trade items (GTIN),
// locations (GLN), logistic units (SSCC) and their kin, in every spelling they
// come in.
//
//	4006381333931                                   digits
//	urn:epc:id:sgtin:4006381.033393.77              EPC URI, as EPCIS 1.x writes it
//	https://id.gs1.org/01/04006381333931/21/77      GS1 Digital Link, as EPCIS 2.0 writes it
//	(01)04006381333931(21)77                        element string, as it is printed
//
// A wrong check digit does not make an identifier unreadable: it is kept as sent
// and [ID.Valid] says so. Nothing is corrected.
//
// Rules are those of the GS1 General Specifications, the EPC Tag Data Standard 2
// and GS1 Digital Link 1.1, whose short names (gtin, ser, lot) later versions
// dropped but senders still use.
package gs1

import "strings"

// CheckDigit returns the digit that follows body in a GTIN, GLN, SSCC, GSIN or
// GSRN: the weights are 3 and 1 in turn from the right, and the digit fills the
// sum up to a multiple of ten (GS1 General Specifications 7.9). ok is false where
// body is empty or not only digits.
func CheckDigit(body string) (digit byte, ok bool) {
	if !digits(body) {
		return 0, false
	}
	sum, weight := 0, 3
	for i := len(body) - 1; i >= 0; i-- {
		sum += weight * int(body[i]-'0')
		weight = 4 - weight
	}
	return byte('0' + (10-sum%10)%10), true
}

// Valid reports whether key consists of digits of which the last is the check
// digit of the others. It says nothing about the length.
func Valid(key string) bool {
	if key == "" {
		return false
	}
	digit, ok := CheckDigit(key[:len(key)-1])
	return ok && digit == key[len(key)-1]
}

// GTIN14 returns a GTIN-8, -12, -13 or -14 as the 14 digits under which all of
// them are one item: zeros are put in front, and nothing else. An indicator digit
// (1 to 8) would make it another trade item, the case of it. ok is false for
// anything but 8, 12, 13 or 14 digits; the check digit is not looked at.
func GTIN14(gtin string) (_ string, ok bool) {
	switch len(gtin) {
	case 8, 12, 13, 14:
	default:
		return "", false
	}
	if !digits(gtin) {
		return "", false
	}
	return strings.Repeat("0", 14-len(gtin)) + gtin, true
}

// Restricted reports whether a GTIN in 14 digits is a number for restricted
// circulation: one that a company or region gives out for itself, often with a
// price or weight in it. It means something only where it was issued, so it never
// joins two companies. So are all GTIN-8 that begin with 0 or 2, among which are
// the produce codes (PLU) that tills pad with zeros.
func Restricted(gtin14 string) bool {
	if len(gtin14) != 14 {
		return false
	}
	if eight, ok := strings.CutPrefix(gtin14, "000000"); ok {
		return eight[0] == '0' || eight[0] == '2'
	}
	// GS1 prefixes 02, 04 and 20 to 29 of the GTIN-13 within.
	return strings.HasPrefix(gtin14, "002") || strings.HasPrefix(gtin14, "004") || strings.HasPrefix(gtin14, "02")
}

// Local returns the number within a zero-padded GTIN of at most six significant
// digits: a code of the till's own (PLU), with or without a check digit, which no
// GTIN can be. ok is false for every other string.
func Local(padded string) (plu string, ok bool) {
	plu = strings.TrimLeft(padded, "0")
	if !digits(padded) || len(padded) < 8 || plu == "" || len(plu) > 6 {
		return "", false
	}
	return plu, true
}

func digits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
