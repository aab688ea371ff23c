"""The audit's verbs in the words of those who read it. A test holds that no verb is written anywhere that has no name here."""

VERBS = {
    # citizens
    "start_conversation": "开始会话", "forget_token": "忘掉会话的凭证", "make_key": "发给会话一把钥匙", "set_region": "改所在地区",
    "make_claim": "取得取件码", "make_share": "分享只读链接", "revoke_share": "撤回只读链接",
    "open_consultation": "提出咨询", "add_to_question": "补充提问", "ask_follow_up": "追问", "close_consultation": "结束咨询",
    "reopen_consultation": "重新打开咨询", "rate_consultation": "评价", "ask_call_back": "请求回电",
    "begin_form": "开始填表", "drop_form": "放弃填表", "submit_request": "提交申请", "reply_to_office": "补充申请材料",
    "withdraw_request": "撤回申请",
    # lawyers and the clock
    "push_round": "推送提问", "break_promise": "记下承诺落空", "alarm_duty": "报警值班律师", "meet_quorum": "解答人数已够",
    "claim_round": "认领提问", "release_round": "放下提问", "answer_round": "解答", "write_note": "写内部备注",
    "suggest_colleague": "请同行解答", "refer_round": "转其他部门", "appeal": "对评价申诉",
    "give_up_delivery": "放弃发送律师通知", "give_up_messages": "放弃送达市民消息",
    "keep_template": "存常用语", "change_template": "改常用语", "delete_template": "删除常用语",
    # supervisors and offices
    "decide_appeal": "决定申诉", "resend_delivery": "重发律师通知", "reveal_phone": "查看市民电话",
    "finish_call_back": "办结回访", "export_orders": "导出工单", "accept_request": "受理申请", "ask_request": "要求补充申请",
    "appoint_request": "约定办理时间", "hand_on_request": "转交申请", "finish_request": "办结申请",
    "decline_request": "不予受理申请", "reveal_request_phone": "查看申请人电话",
    # what the service answers with
    "draft_card": "起草卡片", "save_card": "改卡片", "publish_card": "发布卡片", "withdraw_card": "撤下卡片",
    "return_card": "退回卡片", "put_word": "改词典", "remove_word": "删除词典里的词", "import_laws": "开始导入法规",
    "laws_imported": "法规导入完成", "build_index": "建立索引",
    # staff
    "log_in": "登录", "log_out": "退出", "create_staff": "建立账号", "set_password": "改密码", "deactivate_staff": "停用账号",
    "reactivate_staff": "恢复账号", "end_log_ins": "结束账号的登录", "make_clerk": "安排办事人员", "move_clerk": "调换办事人员",
    "register_lawyer": "登记或更新律师", "import_lawyers": "导入律师名册", "export_lawyers": "导出律师名册",
    "correct_licence": "改执业证号", "deactivate_lawyer": "停用律师", "reactivate_lawyer": "恢复律师",
    # offices, channels
    "import_offices": "导入办事机构", "export_offices": "导出办事机构", "save_office": "登记或更新办事机构",
    "close_office": "停办机构", "reopen_office": "恢复机构", "import_posts": "导入服务点", "export_posts": "导出服务点",
    "save_post": "登记或更新服务点", "close_post": "停用服务点", "reopen_post": "恢复服务点",
    "register_device": "登记终端", "enrol_device": "终端启用", "move_device": "改终端的地方", "renew_device_code": "换终端登记码",
    "retire_device": "停用终端", "register_gateway": "登记网关", "change_gateway": "改网关", "add_gateway_key": "加网关密钥",
    "retire_gateway_key": "停用网关密钥",
    # rules and records
    "set_region_policy": "定时限规则", "clear_region_policy": "取消时限规则", "read_audit": "查看审计记录",
    "export_audit": "导出审计记录", "verify_audit": "核对审计链",
}  # fmt: skip

DETAILS = {
    "login": "登录名", "role": "角色", "name": "名称", "licence": "执业证号", "region": "地区", "before": "之前", "now": "之后",
    "added": "新增", "updated": "更新", "changed": "改动", "unchanged": "没有变化", "bad": "有问题的行", "faults": "问题",
    "warnings": "请注意", "rows": "条数", "seals": "封条", "position": "到第几条", "sought": "查找的", "ended": "结束的登录",
    "office": "机构", "requests": "没有办完的申请", "post": "服务点", "gateway": "网关", "callback_url": "回调地址",
    "channel": "渠道", "number": "编号", "tier": "层级", "pushed": "推送人数", "answered": "解答人数", "quorum": "要几位",
    "medium": "媒介", "error": "原因", "message": "消息", "consultation": "咨询", "service": "事项",
}  # fmt: skip
"""What stands beside a verb, for the same readers; the rest as it is written."""


def verb_name(verb: str) -> str:
    """What is not known here (of a version to come, or of one long past) stands as it is."""
    return VERBS.get(verb, verb)
