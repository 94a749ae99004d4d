/* Made by make_names.py: change that, not this. */
#include "crawl/html/names.h"

const struct html_name html_element_slots[1 << HTML_ELEMENT_BITS] = {
    [2] = {0x676962u, 3, HTML_BIG}, /* big */
    [6] = {0x79627572u, 4, HTML_RUBY}, /* ruby */
    [11] = {0x6c64u, 2, HTML_DL}, /* dl */
    [16] = {0x747865746du, 5, HTML_MTEXT}, /* mtext */
    [24] = {0x656372756f73u, 6, HTML_SOURCE}, /* source */
    [29] = {0x656c626174u, 5, HTML_TABLE}, /* table */
    [33] = {0x6c6562616cu, 5, HTML_LABEL}, /* label */
    [38] = {0x6e6f6974636573u, 7, HTML_SECTION}, /* section */
    [41] = {0x3268u, 2, HTML_H2}, /* h2 */
    [45] = {0x726176u, 3, HTML_VAR}, /* var */
    [46] = {0x6f6du, 2, HTML_MO}, /* mo */
    [51] = {0x7262u, 2, HTML_BR}, /* br */
    [53] = {0x7865746e69616c70u, 9, HTML_PLAINTEXT}, /* plaintext */
    [68] = {0x676e697473696cu, 7, HTML_LISTING}, /* listing */
    [87] = {0x706d78u, 3, HTML_XMP}, /* xmp */
    [88] = {0x79646f62u, 4, HTML_BODY}, /* body */
    [96] = {0x7265746e6563u, 6, HTML_CENTER}, /* center */
    [98] = {0x6165726174786574u, 8, HTML_TEXTAREA}, /* textarea */
    [103] = {0x7464u, 2, HTML_DT}, /* dt */
    [105] = {0x696du, 2, HTML_MI}, /* mi */
    [115] = {0x656c6369747261u, 7, HTML_ARTICLE}, /* article */
    [117] = {0x3368u, 2, HTML_H3}, /* h3 */
    [118] = {0x6174656du, 4, HTML_META}, /* meta */
    [137] = {0x65736162u, 4, HTML_BASE}, /* base */
    [141] = {0x6974706163676966u, 10, HTML_FIGCAPTION}, /* figcaption */
    [145] = {0x726564616568u, 6, HTML_HEADER}, /* header */
    [147] = {0x6474u, 2, HTML_TD}, /* td */
    [154] = {0x6874616du, 4, HTML_MATH}, /* math */
    [156] = {0x6461656874u, 5, HTML_THEAD}, /* thead */
    [159] = {0x70756f726774706fu, 8, HTML_OPTGROUP}, /* optgroup */
    [172] = {0x707573u, 3, HTML_SUP}, /* sup */
    [180] = {0x7274u, 2, HTML_TR}, /* tr */
    [192] = {0x3468u, 2, HTML_H4}, /* h4 */
    [209] = {0x79646f6274u, 5, HTML_TBODY}, /* tbody */
    [212] = {0x676d69u, 3, HTML_IMG}, /* img */
    [213] = {0x7463656c6573u, 6, HTML_SELECT}, /* select */
    [221] = {0x656b69727473u, 6, HTML_STRIKE}, /* strike */
    [231] = {0x746573656d617266u, 8, HTML_FRAMESET}, /* frameset */
    [232] = {0x6c6fu, 2, HTML_OL}, /* ol */
    [233] = {0x6b6e696cu, 4, HTML_LINK}, /* link */
    [238] = {0x676e6f727473u, 6, HTML_STRONG}, /* strong */
    [239] = {0x6e617073u, 4, HTML_SPAN}, /* span */
    [246] = {0x657270u, 3, HTML_PRE}, /* pre */
    [248] = {0x61u, 1, HTML_A}, /* a */
    [249] = {0x746e6f66u, 4, HTML_FONT}, /* font */
    [265] = {0x7268u, 2, HTML_HR}, /* hr */
    [268] = {0x3568u, 2, HTML_H5}, /* h5 */
    [271] = {0x70u, 1, HTML_P}, /* p */
    [278] = {0x75u, 1, HTML_U}, /* u */
    [280] = {0x65646f63u, 4, HTML_CODE}, /* code */
    [286] = {0x616d6e67696c616du, 10, HTML_MALIGNMARK}, /* malignmark */
    [288] = {0x6f6e676965726f66u, 13, HTML_FOREIGNOBJECT}, /* foreignobject */
    [290] = {0x6465626d65u, 5, HTML_EMBED}, /* embed */
    [291] = {0x6c6c616d73u, 5, HTML_SMALL}, /* small */
    [292] = {0x6d65u, 2, HTML_EM}, /* em */
    [301] = {0x6e6664u, 3, HTML_DFN}, /* dfn */
    [302] = {0x7470697263736f6eu, 8, HTML_NOSCRIPT}, /* noscript */
    [312] = {0x6870796c676du, 6, HTML_MGLYPH}, /* mglyph */
    [313] = {0x656c797473u, 5, HTML_STYLE}, /* style */
    [316] = {0x7265746f6f66u, 6, HTML_FOOTER}, /* footer */
    [323] = {0x747069726373u, 6, HTML_SCRIPT}, /* script */
    [331] = {0x7474u, 2, HTML_TT}, /* tt */
    [339] = {0x656c746974u, 5, HTML_TITLE}, /* title */
    [340] = {0x6564697361u, 5, HTML_ASIDE}, /* aside */
    [343] = {0x3668u, 2, HTML_H6}, /* h6 */
    [344] = {0x6c6d7468u, 4, HTML_HTML}, /* html */
    [346] = {0x657275676966u, 6, HTML_FIGURE}, /* figure */
    [348] = {0x736du, 2, HTML_MS}, /* ms */
    [350] = {0x746f6f6674u, 5, HTML_TFOOT}, /* tfoot */
    [360] = {0x65727574636970u, 7, HTML_PICTURE}, /* picture */
    [363] = {0x69u, 1, HTML_I}, /* i */
    [376] = {0x6e6f6974706163u, 7, HTML_CAPTION}, /* caption */
    [377] = {0x6465626d656f6eu, 7, HTML_NOEMBED}, /* noembed */
    [378] = {0x73u, 1, HTML_S}, /* s */
    [390] = {0x63736564u, 4, HTML_DESC}, /* desc */
    [394] = {0x677673u, 3, HTML_SVG}, /* svg */
    [401] = {0x756e656du, 4, HTML_MENU}, /* menu */
    [411] = {0x696cu, 2, HTML_LI}, /* li */
    [412] = {0x6e69616du, 4, HTML_MAIN}, /* main */
    [414] = {0x6d726f66u, 4, HTML_FORM}, /* form */
    [430] = {0x656d61726669u, 6, HTML_IFRAME}, /* iframe */
    [431] = {0x6464u, 2, HTML_DD}, /* dd */
    [434] = {0x76616eu, 3, HTML_NAV}, /* nav */
    [438] = {0x72626f6eu, 4, HTML_NOBR}, /* nobr */
    [443] = {0x6e6f74747562u, 6, HTML_BUTTON}, /* button */
    [446] = {0x6c75u, 2, HTML_UL}, /* ul */
    [447] = {0x6f75716b636f6c62u, 10, HTML_BLOCKQUOTE}, /* blockquote */
    [449] = {0x6874u, 2, HTML_TH}, /* th */
    [451] = {0x73656d6172666f6eu, 8, HTML_NOFRAMES}, /* noframes */
    [453] = {0x7475706e69u, 5, HTML_INPUT}, /* input */
    [454] = {0x697461746f6e6e61u, 14, HTML_ANNOTATION_XML}, /* annotation-xml */
    [455] = {0x62u, 1, HTML_B}, /* b */
    [456] = {0x6567616d69u, 5, HTML_IMAGE}, /* image */
    [457] = {0x627573u, 3, HTML_SUB}, /* sub */
    [460] = {0x64616568u, 4, HTML_HEAD}, /* head */
    [461] = {0x6e6f6974706fu, 6, HTML_OPTION}, /* option */
    [478] = {0x3168u, 2, HTML_H1}, /* h1 */
    [479] = {0x6e656779656bu, 6, HTML_KEYGEN}, /* keygen */
    [482] = {0x6e6du, 2, HTML_MN}, /* mn */
    [500] = {0x6574616c706d6574u, 8, HTML_TEMPLATE}, /* template */
    [511] = {0x766964u, 3, HTML_DIV}, /* div */
};

const char *const html_element_texts[HTML_COUNT] = {
    "",
    "a",
    "annotation-xml",
    "article",
    "aside",
    "b",
    "base",
    "big",
    "blockquote",
    "body",
    "br",
    "button",
    "caption",
    "center",
    "code",
    "dd",
    "desc",
    "dfn",
    "div",
    "dl",
    "dt",
    "em",
    "embed",
    "figcaption",
    "figure",
    "font",
    "footer",
    "foreignobject",
    "form",
    "frameset",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "head",
    "header",
    "hr",
    "html",
    "i",
    "iframe",
    "image",
    "img",
    "input",
    "keygen",
    "label",
    "li",
    "link",
    "listing",
    "main",
    "malignmark",
    "math",
    "menu",
    "meta",
    "mglyph",
    "mi",
    "mn",
    "mo",
    "ms",
    "mtext",
    "nav",
    "nobr",
    "noembed",
    "noframes",
    "noscript",
    "ol",
    "optgroup",
    "option",
    "p",
    "picture",
    "plaintext",
    "pre",
    "ruby",
    "s",
    "script",
    "section",
    "select",
    "small",
    "source",
    "span",
    "strike",
    "strong",
    "style",
    "sub",
    "sup",
    "svg",
    "table",
    "tbody",
    "td",
    "template",
    "textarea",
    "tfoot",
    "th",
    "thead",
    "title",
    "tr",
    "tt",
    "u",
    "ul",
    "var",
    "xmp",
};

const struct html_name html_attribute_name_slots[1 << HTML_ATTRIBUTE_NAME_BITS] = {
    [1] = {0x696c662d61746164u, 22, HTML_ATTRIBUTE_DATA_FLICKITY_LAZYLOAD}, /* data-flickity-lazyload */
    [8] = {0x637273u, 3, HTML_ATTRIBUTE_SRC}, /* src */
    [10] = {0x6372732d61746164u, 11, HTML_ATTRIBUTE_DATA_SRCSET}, /* data-srcset */
    [11] = {0x6372732d797a616cu, 8, HTML_ATTRIBUTE_LAZY_SRC}, /* lazy-src */
    [12] = {0x726f6c6f63u, 5, HTML_ATTRIBUTE_COLOR}, /* color */
    [13] = {0x2d69682d61746164u, 15, HTML_ATTRIBUTE_DATA_HI_RES_SRC}, /* data-hi-res-src */
    [15] = {0x657a6973u, 4, HTML_ATTRIBUTE_SIZE}, /* size */
    [28] = {0x746573637273u, 6, HTML_ATTRIBUTE_SRCSET}, /* srcset */
    [31] = {0x65707974u, 4, HTML_ATTRIBUTE_TYPE}, /* type */
    [38] = {0x7a616c2d61746164u, 16, HTML_ATTRIBUTE_DATA_LAZY_SRCSET}, /* data-lazy-srcset */
    [44] = {0x7571652d70747468u, 10, HTML_ATTRIBUTE_HTTP_EQUIV}, /* http-equiv */
    [50] = {0x6372732d61746164u, 8, HTML_ATTRIBUTE_DATA_SRC}, /* data-src */
    [75] = {0x616964656du, 5, HTML_ATTRIBUTE_MEDIA}, /* media */
    [77] = {0x7a616c2d61746164u, 13, HTML_ATTRIBUTE_DATA_LAZY_SRC}, /* data-lazy-src */
    [83] = {0x65636166u, 4, HTML_ATTRIBUTE_FACE}, /* face */
    [84] = {0x62616c2d61697261u, 10, HTML_ATTRIBUTE_ARIA_LABEL}, /* aria-label */
    [85] = {0x676d692d61746164u, 12, HTML_ATTRIBUTE_DATA_IMG_SRC}, /* data-img-src */
    [90] = {0x746c61u, 3, HTML_ATTRIBUTE_ALT}, /* alt */
    [91] = {0x72616c2d61746164u, 15, HTML_ATTRIBUTE_DATA_LARGE_FILE}, /* data-large-file */
    [119] = {0x656d616eu, 4, HTML_ATTRIBUTE_NAME}, /* name */
    [123] = {0x746e65746e6f63u, 7, HTML_ATTRIBUTE_CONTENT}, /* content */
    [125] = {0x69726f2d61746164u, 14, HTML_ATTRIBUTE_DATA_ORIG_FILE}, /* data-orig-file */
    [126] = {0x616d692d61746164u, 16, HTML_ATTRIBUTE_DATA_IMAGE_TITLE}, /* data-image-title */
    [130] = {0x7a616c2d61746164u, 9, HTML_ATTRIBUTE_DATA_LAZY}, /* data-lazy */
    [135] = {0x79747265706f7270u, 8, HTML_ATTRIBUTE_PROPERTY}, /* property */
    [138] = {0x69726f2d61746164u, 13, HTML_ATTRIBUTE_DATA_ORIGINAL}, /* data-original */
    [146] = {0x637273776f6cu, 6, HTML_ATTRIBUTE_LOWSRC}, /* lowsrc */
    [167] = {0x746867696568u, 6, HTML_ATTRIBUTE_HEIGHT}, /* height */
    [177] = {0x6c6572u, 3, HTML_ATTRIBUTE_REL}, /* rel */
    [192] = {0x676e616cu, 4, HTML_ATTRIBUTE_LANG}, /* lang */
    [193] = {0x66657268u, 4, HTML_ATTRIBUTE_HREF}, /* href */
    [201] = {0x6c75662d61746164u, 13, HTML_ATTRIBUTE_DATA_FULL_SRC}, /* data-full-src */
    [211] = {0x74657372616863u, 7, HTML_ATTRIBUTE_CHARSET}, /* charset */
    [212] = {0x676e69646f636e65u, 8, HTML_ATTRIBUTE_ENCODING}, /* encoding */
    [216] = {0x6874646977u, 5, HTML_ATTRIBUTE_WIDTH}, /* width */
    [223] = {0x656c746974u, 5, HTML_ATTRIBUTE_TITLE}, /* title */
};

const char *const html_attribute_name_texts[HTML_ATTRIBUTE_COUNT] = {
    "",
    "src",
    "alt",
    "title",
    "aria-label",
    "data-image-title",
    "srcset",
    "width",
    "height",
    "data-src",
    "data-lazy-src",
    "data-original",
    "data-lazy",
    "data-srcset",
    "data-lazy-srcset",
    "data-img-src",
    "data-hi-res-src",
    "data-full-src",
    "data-orig-file",
    "data-large-file",
    "data-flickity-lazyload",
    "lazy-src",
    "lowsrc",
    "href",
    "name",
    "property",
    "content",
    "charset",
    "http-equiv",
    "lang",
    "type",
    "media",
    "encoding",
    "color",
    "face",
    "size",
    "rel",
};

