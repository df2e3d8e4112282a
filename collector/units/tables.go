package units

import (
	"math/big"
	"strings"
)

type unit struct {
	name      string
	dimension Dimension
	size      *big.Rat // in the dimension's base; nil for packs
}

// bases are the units in which the sizes of a dimension are given.
var bases = map[Dimension]string{Count: "EA", Mass: "KGM", Volume: "LTR", Length: "MTR", Area: "MTK", Time: "HUR"}

// known are the units of this package by their one code. Sizes are exact by
// definition: the international yard and pound of 1959 (0.9144 m, 0.45359237 kg),
// the US gallon of 231 cubic inches, the imperial gallon of 4.54609 litres.
// Recommendation 20 itself rounds some of them to seven digits.
//
// A pair is a pack: a pair of shoes is one article to those who sell it, and two
// pieces to nobody.
var known = table(
	Count, `
	EA  1     piece
	HD  6     half dozen
	DZN 12    dozen
	GRO 144   gross
	CEN 100   hundred
	MIL 1000  thousand`,
	Mass, `
	KGM 1               kilogram
	GRM 0.001           gram
	MGM 0.000001        milligram
	HGM 0.1             hectogram
	DTN 100             quintal
	TNE 1000            tonne
	LBR 0.45359237      pound
	ONZ 0.028349523125  ounce
	APZ 0.0311034768    troy ounce
	STI 6.35029318      stone
	CWA 45.359237       hundredweight (US)
	STN 907.18474       ton (US)
	LTN 1016.0469088    ton (UK)`,
	Volume, `
	LTR 1                litre
	MLT 0.001            millilitre
	CLT 0.01             centilitre
	DLT 0.1              decilitre
	HLT 100              hectolitre
	CMQ 0.001            cubic centimetre
	DMQ 1                cubic decimetre
	MTQ 1000             cubic metre
	INQ 0.016387064      cubic inch
	FTQ 28.316846592     cubic foot
	OZA 0.0295735295625  fluid ounce (US)
	PTL 0.473176473      pint (US)
	QTL 0.946352946      quart (US)
	GLL 3.785411784      gallon (US)
	OZI 0.0284130625     fluid ounce (UK)
	PTI 0.56826125       pint (UK)
	QTI 1.1365225        quart (UK)
	GLI 4.54609          gallon (UK)`,
	Length, `
	MTR 1       metre
	MMT 0.001   millimetre
	CMT 0.01    centimetre
	KMT 1000    kilometre
	INH 0.0254  inch
	FOT 0.3048  foot
	YRD 0.9144  yard`,
	Area, `
	MTK 1           square metre
	CMK 0.0001      square centimetre
	INK 0.00064516  square inch
	FTK 0.09290304  square foot
	YDK 0.83612736  square yard`,
	Time, `
	HUR 1  hour`,
	Pack, `
	CS  -  case
	CT  -  carton
	BX  -  box
	PX  -  pallet
	SI  -  skid
	PK  -  package
	PA  -  packet
	BG  -  bag
	SA  -  sack
	CR  -  crate
	PU  -  tray
	RO  -  roll
	RL  -  reel
	BO  -  bottle
	JR  -  jar
	TU  -  tube
	CX  -  can
	DR  -  drum
	BE  -  bundle
	LR  -  layer
	PR  -  pair
	DPR -  dozen pairs
	SET -  set
	AS  -  assortment
	KT  -  kit
	OP  -  two pack
	P3  -  three pack
	P4  -  four pack
	P5  -  five pack
	P6  -  six pack
	P8  -  eight pack`,
)

// Rec20 is UN/ECE Recommendation 20, revision 17, as UBL, EDIFACT, GS1 and
// CloudEvents use it. It takes what earlier revisions and the EDIFACT directories
// had besides (PCE; CS, CT and BX without a prefix), and the package codes of
// Recommendation 21 with the X that revision 11 prescribes: XCS.
var Rec20 = &List{name: "UN/ECE Recommendation 20", codes: codes(`
	EA: C62 H87 NAR PCE PC
	CEN:  DZN: DPC DZ   MIL: T3
	QTL: QT   PTL: PT
	PR: NPR   PK: NMP   PX: PF
	EA: XPP   CS: XCS   CT: XCT   BX: XBX   PX: XPX   SI: XSI   PK: XPK   PA: XPA   BG: XBG   SA: XSA
	CR: XCR   PU: XPU   RO: XRO   RL: XRL   BO: XBO   JR: XJR   TU: XTU   CX: XCX XCA CA XTN   DR: XDR
	BE: XBE   SET: XSX`)}

// X12 is the list of data element 355, unit or basis for measurement. No code of
// it has three characters, so longer ones are read by [Rec20].
var X12 = &List{
	name: "X12 element 355",
	codes: only(`
	EA: EA PC UN 1N   HD: HD   DZN: DZ   GRO: GS   CEN: HU HC   MIL: TH T3
	KGM: KG   GRM: GR   MGM: ME   HGM: HG   TNE: MP   LBR: LB 01   ONZ: OZ   APZ: TO   CWA: CW HV   STN: NS TN   LTN: LG
	LTR: LT   MLT: ML   CLT: C3   DLT: DL   HLT: H4   CMQ: CC   DMQ: C8   MTQ: CR   INQ: CI   FTQ: CF
	OZA: FO   PTL: PT   QTL: QT   GLL: GA   OZI: FZ   PTI: PX   QTI: QU   GLI: GI
	MTR: MR LM   MMT: MM   CMT: CM LC   KMT: DK   INH: IN LI   FOT: FT LF   YRD: YD LY
	MTK: SM   CMK: SC   INK: SI   FTK: SF   YDK: SY
	HUR: HR
	CS: CA CS   CT: CT   BX: BX   PX: PL PF   SI: SV   PK: PK PH   PA: 12   BG: BG   SA: SJ   CR: CP   PU: TY
	RO: RL   RL: RE   BO: BO   JR: JR   TU: TB   CX: CN   DR: DR   BE: BD   LR: LR   PR: PR   DPR: DP   SET: ST
	AS: AS   KT: KT   OP: OP   P3: P3   P4: P4   P5: P5   P6: P6   P8: P8`),
	doubtful: map[string]string{
		"CS": "CS is a cassette in X12 element 355, where a case is CA: read as a case, which is what retailers' suppliers mean by it.",
	},
	rest: Rec20,
}

// SAP are the internal and commercial codes SAP delivers in table T006, in their
// German and English forms. IDocs carry the ISO code in many fields, so what the
// list does not have is read by [Rec20].
var SAP = &List{
	name: "SAP table T006",
	codes: only(`
	EA: ST PC EA STK   DZN: DZ   GRO: GRO   MIL: TS
	KGM: KG   GRM: G   MGM: MG   TNE: TO T   LBR: LB   ONZ: OZ   STN: TON
	LTR: L   MLT: ML   CLT: CL   HLT: HL   CMQ: CCM CM3   DMQ: CD3 DM3   MTQ: M3   GLL: GAL   QTL: QT   PTL: PT
	MTR: M   CMT: CM   MMT: MM   KMT: KM   INH: IN   FOT: FT   YRD: YD
	MTK: M2   CMK: CM2   INK: IN2   FTK: FT2   YDK: YD2   INQ: IN3   FTQ: FT3
	HUR: H STD HR
	CS: CV CS   CT: KAR CAR CT   CR: KI CR CRT   PX: PAL   PK: PAK PK   BG: BAG BG   RO: ROL RO   BO: FLA BOT BO   DR: DR   BX: BX BOX
	PR: PAA PR   SET: SET SAT`),
	rest: Rec20,
}

// table reads rows of code, size and name under their dimensions.
func table(parts ...any) map[string]unit {
	all := map[string]unit{}
	for i := 0; i+1 < len(parts); i += 2 {
		for row := range strings.Lines(parts[i+1].(string)) {
			f := strings.Fields(row)
			if len(f) < 3 {
				continue
			}
			size, _ := new(big.Rat).SetString(f[1]) // nil for a pack
			all[f[0]] = unit{strings.Join(f[2:], " "), parts[i].(Dimension), size}
		}
	}
	return all
}

// only reads "code: names"; the one codes themselves are not names of the list
// unless it says so.
func only(text string) map[string]string {
	all := map[string]string{}
	code := ""
	for _, word := range strings.Fields(text) {
		if c, ok := strings.CutSuffix(word, ":"); ok {
			code = c
			continue
		}
		all[word] = code
	}
	return all
}

// codes is [only] with every one code as a name of itself.
func codes(text string) map[string]string {
	all := only(text)
	for code := range known {
		if _, taken := all[code]; !taken {
			all[code] = code
		}
	}
	return all
}
