//! Configurations: what follows from them, and what is said about one that is refused.

use tilewright_isa::{Config, ConfigError, FieldWidths, MemoryType, Params, WidthsError, without_effect};

fn refusal(json: &str) -> String {
    let error = Config::from_json(json).expect_err(json);
    format!("{}: {error}", error.code())
}

fn with(change: impl FnOnce(&mut Params)) -> Result<Config, ConfigError> {
    let mut params = Params::default();
    change(&mut params);
    Config::new(params)
}

#[test]
fn the_default_machine() {
    let config = Config::default();
    assert_eq!(Config::from_json("{}"), Ok(config));
    assert_eq!([config.batch(), config.block_in(), config.block_out()], [1, 16, 16]);
    let depths = MemoryType::ALL.map(|memory| config.depth(memory));
    assert_eq!(depths, [8192, 1024, 2048, 2048, 2048, 2048]);
    let bytes = MemoryType::ALL.map(|memory| config.element_bytes(memory));
    assert_eq!(bytes, [4, 256, 16, 64, 16, 16]);
    let expected = FieldWidths {
        uop_bgn: 13,
        uop_end: 14,
        iter: 14,
        dst_factor: 11,
        gemm_src_factor: 11,
        alu_src_factor: 11,
        wgt_factor: 10,
        uop_dst: 11,
        uop_src: 11,
        uop_wgt: 10,
    };
    assert_eq!(config.field_widths(), expected);
}

#[test]
fn the_timing_is_no_part_of_it() {
    for timing in [r#""pynq""#, r#"{"burst_beats": 32}"#, "16"] {
        let text = format!(r#"{{"LOG_BLOCK": 5, "tilewright": {{"log_block_in": 4, "timing": {timing}}}}}"#);
        let without = Config::from_json(r#"{"LOG_BLOCK": 5, "tilewright": {"log_block_in": 4}}"#);
        assert_eq!(Config::from_json(&text), without, "{timing}");
    }
    let twice = Config::from_json(r#"{"tilewright": {"timing": {"burst_beats": 32, "burst_beats": 16}}}"#);
    assert_eq!(twice.unwrap_err().to_string(), "the key \"burst_beats\" appears twice");
}

#[test]
fn other_cores() {
    let json = r#"{"LOG_BATCH": 2, "LOG_INP_BUFF_SIZE": 16, "TARGET": "sim", "HW_VER": "0.0.2"}"#;
    let config = Config::from_json(json).unwrap();
    assert_eq!(config.element_shape(MemoryType::Inp), [4, 16]);
    assert_eq!([config.depth(MemoryType::Inp), config.depth(MemoryType::Acc)], [1024, 512]);

    let config = Config::from_json(r#"{"LOG_BLOCK": 4, "tilewright": {"log_block_in": 5}}"#).unwrap();
    assert_eq!(config.element_shape(MemoryType::Wgt), [16, 32]);
    assert_eq!(config.depth(MemoryType::Inp), 1024);
}

#[test]
fn a_buffer_may_hold_one_element() {
    let json = r#"{"LOG_UOP_BUFF_SIZE": 2, "LOG_INP_BUFF_SIZE": 4, "LOG_WGT_BUFF_SIZE": 8, "LOG_ACC_BUFF_SIZE": 6}"#;
    let config = Config::from_json(json).unwrap();
    assert_eq!(MemoryType::ALL.map(|memory| config.depth(memory)), [1; 6]);
    let widths = config.field_widths();
    assert_eq!([widths.uop_bgn, widths.uop_end, widths.dst_factor, widths.uop_wgt], [0, 1, 0, 0]);
}

#[test]
fn keys_of_older_files_change_nothing() {
    let json = r#"{"TARGET": "pynq", "HW_VER": "0.0.0", "HW_FREQ": 100, "HW_CLK_TARGET": 8, "HW_CLK_PERIOD": 10.0,
        "GEMM_II": 1, "LOG_BUS_WIDTH": 6, "LOG_OUT_WIDTH": 3}"#;
    assert_eq!(Config::from_json(json), Ok(Config::default()));
    let keys = ["HW_FREQ", "HW_CLK_TARGET", "HW_CLK_PERIOD", "GEMM_II", "LOG_BUS_WIDTH"];
    assert_eq!(without_effect(json), keys);
    assert_eq!(without_effect(r#"{"HW_VER": "0.0.0", "tilewright": {"HW_FREQ": 3}}"#), Vec::<String>::new());
    assert_eq!(without_effect("[]"), Vec::<String>::new());
    let twice = Config::from_json(r#"{"HW_FREQ": 100, "HW_FREQ": 142}"#);
    assert_eq!(twice, Err(ConfigError::DuplicateKey { key: "HW_FREQ".to_owned() }));
}

#[test]
fn json_reads_back() {
    let narrow = with(|params| params.log_block_in = 5);
    for config in [Config::default(), narrow.unwrap()] {
        assert_eq!(Config::from_value(&config.to_json()), Ok(config));
    }
}

#[test]
fn what_is_no_configuration() {
    let cases = [
        r#"{"LOG_BATCH": 0,"#,
        r#"[1]"#,
        r#"{"LOG_BLOK": 4}"#,
        r#"{"zebra": 4}"#,
        r#"{"tilewright": {"log_block_inn": 4}}"#,
        r#"{"tilewright": 3}"#,
        r#"{"tilewright": {"mul": 1}}"#,
        r#"{"log_block_in": 4}"#,
        r#"{"LOG_BATCH": 0, "LOG_BATCH": 1}"#,
        r#"{"tilewright": {"log_block_in": 4, "log_block_in": 5}}"#,
        r#"{"LOG_BATCH": -1}"#,
        r#"{"LOG_BATCH": 1.5}"#,
        r#"{"LOG_BATCH": "0"}"#,
        r#"{"LOG_BATCH": 18446744073709551616}"#,
        r#"{"LOG_BATCH": [0]}"#,
        r#"{"TARGET": 1}"#,
        r#"{"LOG_OUT_WIDTH": 4}"#,
        r#"{"LOG_OUT_BUFF_SIZE": 16}"#,
    ];
    insta::assert_snapshot!(cases.map(|json| format!("{json}\n    {}", refusal(json))).join("\n"));
}

#[test]
fn what_no_machine_can_be() {
    let cases = [
        r#"{"LOG_BATCH": 9}"#,
        r#"{"LOG_ACC_WIDTH": 6}"#,
        r#"{"LOG_INP_BUFF_SIZE": 63}"#,
        r#"{"LOG_INP_WIDTH": 0, "LOG_BLOCK": 2}"#,
        r#"{"LOG_UOP_BUFF_SIZE": 1}"#,
        r#"{"LOG_WGT_BUFF_SIZE": 7}"#,
        r#"{"LOG_ACC_BUFF_SIZE": 0}"#,
        r#"{"LOG_WGT_BUFF_SIZE": 19}"#,
        r#"{"LOG_INP_BUFF_SIZE": 16}"#,
        r#"{"LOG_UOP_BUFF_SIZE": 16}"#,
        r#"{"LOG_ACC_BUFF_SIZE": 18, "LOG_WGT_BUFF_SIZE": 16}"#,
    ];
    insta::assert_snapshot!(cases.map(|json| format!("{json}\n    {}", refusal(json))).join("\n"));
}

#[test]
fn out_size_may_be_stated_if_it_is_true() {
    let json = r#"{"LOG_OUT_WIDTH": 3, "LOG_OUT_BUFF_SIZE": 15}"#;
    assert_eq!(Config::from_json(json), Ok(Config::default()));
}

#[test]
fn only_int8_to_int32_has_values() {
    assert_eq!(Config::default().executable(), Ok(()));
    let narrow = with(|params| (params.log_inp_width, params.log_inp_buff_size) = (2, 14));
    let widths = WidthsError { inp: 4, wgt: 8, acc: 32 };
    assert_eq!(narrow.unwrap().executable(), Err(widths));
}
