/**
 * Emoji by group, each followed by its name: that of its character, shortened. Glyphs are those of the reader's system.
 * One text a group, because a text is the smallest thing to load and to compress.
 */
export const GROUPS = {
  smileys:
    "😀grinning_face 😁grinning_smiling_eyes 😂tears_of_joy 😃smiling_open_mouth " +
    "😄smiling_open_mouth_and_smiling_eyes 😅smiling_open_mouth_and_cold_sweat " +
    "😆smiling_open_mouth_and_tightly_closed_eyes 😇smiling_halo 😈smiling_horns 😉winking_face " +
    "😊smiling_smiling_eyes 😋face_savouring_delicious_food 😌relieved_face 😍smiling_heart_shaped_eyes " +
    "😎smiling_sunglasses 😏smirking_face 😐neutral_face 😑expressionless_face 😒unamused_face 😓cold_sweat " +
    "😔pensive_face 😕confused_face 😖confounded_face 😗kissing_face 😘face_throwing_a_kiss 😙kissing_smiling_eyes " +
    "😚kissing_closed_eyes 😛stuck_out_tongue 😜stuck_out_tongue_and_winking_eye " +
    "😝stuck_out_tongue_and_tightly_closed_eyes 😞disappointed_face 😟worried_face 😠angry_face 😡pouting_face " +
    "😢crying_face 😣persevering_face 😤look_of_triumph 😥disappointed_but_relieved_face 😦frowning_open_mouth " +
    "😧anguished_face 😨fearful_face 😩weary_face 😪sleepy_face 😫tired_face 😬grimacing_face 😭loudly_crying_face " +
    "😮open_mouth 😯hushed_face 😰open_mouth_and_cold_sweat 😱face_screaming_in_fear 😲astonished_face " +
    "😳flushed_face 😴sleeping_face 😵dizzy_face 😶face_without_mouth 😷medical_mask 😸grinning_cat_smiling_eyes " +
    "😹cat_tears_of_joy 😺smiling_cat_open_mouth 😻smiling_cat_heart_shaped_eyes 😼cat_wry_smile " +
    "😽kissing_cat_closed_eyes 😾pouting_cat_face 😿crying_cat_face 🙀weary_cat_face 🙁slightly_frowning_face " +
    "🙂slightly_smiling_face 🙃upside_down_face 🙄rolling_eyes ☺️smiling_face ☹️frowning_face " +
    "🤐zipper_mouth_face 🤑money_mouth_face 🤒thermometer 🤓nerd_face 🤔thinking_face 🤕head_bandage 🤖robot_face " +
    "🤗hugging_face 🤠cowboy_hat 🤡clown_face 🤢nauseated_face 🤣rolling_on_the_floor_laughing 🤤drooling_face " +
    "🤥lying_face 🤧sneezing_face 🤨one_eyebrow_raised 🤩grinning_star_eyes " +
    "🤪grinning_one_large_and_one_small_eye 🤫finger_covering_closed_lips 🤬seriouss_covering_mouth " +
    "🤭smiling_smiling_eyes_and_hand_covering_mouth 🤮open_mouth_vomiting 🤯shocked_exploding_head " +
    "🥰smiling_smiling_eyes_and_three_hearts 🥱yawning_face 🥲smiling_tear 🥳party_horn_and_party_hat " +
    "🥴uneven_eyes_and_wavy_mouth 🥵overheated_face 🥶freezing_face 🥷ninja 🥸disguised_face " +
    "🥹face_holding_back_tears 🥺pleading_eyes 🧐monocle 🫠melting_face 🫡saluting_face " +
    "🫢open_eyes_and_hand_over_mouth 🫣peeking_eye 🫤diagonal_mouth 🫥dotted_line_face 🫦biting_lip 🫧bubbles " +
    "👹japanese_ogre 👺japanese_goblin 👻ghost 👼baby_angel 👽extraterrestrial_alien 👾alien_monster 👿imp 💀skull " +
    "💩pile_of_poo 🙈see_no_evil_monkey 🙉hear_no_evil_monkey 🙊speak_no_evil_monkey ❤️heart 🧡orange_heart " +
    "💛yellow_heart 💚green_heart 💙blue_heart 💜purple_heart 🤎brown_heart 🖤black_heart 🤍white_heart " +
    "💓beating_heart 💔broken_heart 💕two_hearts 💖sparkling_heart 💗growing_heart 💘heart_with_arrow " +
    "💝heart_with_ribbon 💞revolving_hearts 💟heart_decoration 💋kiss_mark 💌love_letter 💯hundred_points 💢anger " +
    "💥collision 💫dizzy 💦splashing_sweat 💨dash 💣bomb 💬speech_balloon 💭thought_balloon 💤sleeping",
  people:
    "👋waving_hand_sign 🤚raised_back_of_hand 🖐️raised_hand_with_fingers_splayed ✋raised_hand " +
    "🖖raised_hand_with_part_between_middle_and_ring_fingers 👌ok_hand_sign 🤌pinched_fingers 🤏pinching_hand " +
    "✌️victory_hand 🤞hand_with_index_and_middle_fingers_crossed 🤟i_love_you_hand_sign 🤘sign_of_the_horns " +
    "🤙call_me_hand 👆white_up_pointing_backhand_index 👇white_down_pointing_backhand_index " +
    "👈white_left_pointing_backhand_index 👉white_right_pointing_backhand_index " +
    "🖕reversed_hand_with_middle_finger_extended ☝️up_pointing_index 👍thumbs_up_sign 👎thumbs_down_sign " +
    "✊raised_fist 👊fisted_hand_sign 🤛left_facing_fist 🤜right_facing_fist 👏clapping_hands_sign " +
    "🙌person_raising_both_hands_in_celebration 👐open_hands_sign 🤲palms_up_together 🤝handshake " +
    "🙏person_with_folded_hands ✍️writing_hand 💅nail_polish 🤳selfie 💪flexed_biceps " +
    "🫰hand_with_index_finger_and_thumb_crossed 🫱rightwards_hand 🫲leftwards_hand 🫳palm_down_hand " +
    "🫴palm_up_hand 🫵index_pointing_at_the_viewer 🫶heart_hands 🦾mechanical_arm 🦿mechanical_leg 👀eyes 👂ear " +
    "👃nose 👄mouth 👅tongue 🦴bone 🦵leg 🦶foot 🦷tooth 🧠brain 👤bust_in_silhouette 👥busts_in_silhouette 👦boy 👧girl " +
    "👨man 👩woman 👪family 👫man_and_woman_holding_hands 👬two_men_holding_hands 👭two_women_holding_hands " +
    "👮police_officer 👯woman_with_bunny_ears 👰bride_with_veil 👱person_with_blond_hair 👲man_with_gua_pi_mao " +
    "👳man_with_turban 👴older_man 👵older_woman 👶baby 👷construction_worker 👸princess 💁information_desk_person " +
    "💂guardsman 💃dancer 💄lipstick 💆face_massage 💇haircut 🕵️sleuth_or_spy 🙅no_good_gesture 🙆ok_gesture " +
    "🙇person_bowing_deeply 🙋happy_person_raising_one_hand 🙍person_frowning 🙎person_with_pouting_face " +
    "🤦face_palm 🤷shrug 🤰pregnant_woman 🤱breast_feeding 🤴prince 🤵man_in_tuxedo 🤶mother_christmas 🧑adult " +
    "🧒child 🧓older_adult 🧔bearded_person 🧕person_with_headscarf 🧖person_in_steamy_room 🧗person_climbing " +
    "🧘person_in_lotus_position 🧙mage 🧚fairy 🧛vampire 🧜merperson 🧝elf 🧞genie 🧟zombie 🦸superhero 🦹supervillain " +
    "🕺man_dancing 🚶pedestrian 🏃runner 🧍standing_person 🧎kneeling_person",
  nature:
    "🐀rat 🐁mouse 🐂ox 🐃water_buffalo 🐄cow 🐅tiger 🐆leopard 🐇rabbit 🐈cat 🐉dragon 🐊crocodile 🐋whale 🐌snail " +
    "🐍snake 🐎horse 🐏ram 🐐goat 🐑sheep 🐒monkey 🐓rooster 🐔chicken 🐕dog 🐖pig 🐗boar 🐘elephant 🐙octopus " +
    "🐚spiral_shell 🐛bug 🐜ant 🐝honeybee 🐞lady_beetle 🐟fish 🐠tropical_fish 🐡blowfish 🐢turtle 🐣hatching_chick " +
    "🐤baby_chick 🐥front_facing_baby_chick 🐦bird 🐧penguin 🐨koala 🐩poodle 🐪dromedary_camel 🐫bactrian_camel " +
    "🐬dolphin 🐭mouse_face 🐮cow_face 🐯tiger_face 🐰rabbit_face 🐱cat_face 🐲dragon_face 🐳spouting_whale " +
    "🐴horse_face 🐵monkey_face 🐶dog_face 🐷pig_face 🐸frog_face 🐹hamster_face 🐺wolf_face 🐻bear_face 🐼panda_face " +
    "🐽pig_nose 🐾paw_prints 🐿️chipmunk 🕊️dove_of_peace 🕷️spider 🦀crab 🦁lion_face 🦂scorpion 🦃turkey " +
    "🦄unicorn_face 🦅eagle 🦆duck 🦇bat 🦈shark 🦉owl 🦊fox_face 🦋butterfly 🦌deer 🦍gorilla 🦎lizard 🦏rhinoceros " +
    "🦐shrimp 🦑squid 🦒giraffe_face 🦓zebra_face 🦔hedgehog 🦕sauropod 🦖t_rex 🦗cricket 🦘kangaroo 🦙llama 🦚peacock " +
    "🦛hippopotamus 🦜parrot 🦝raccoon 🦞lobster 🦟mosquito 🦠microbe 🦡badger 🦢swan 🦣mammoth 🦤dodo 🦥sloth 🦦otter " +
    "🦧orangutan 🦨skunk 🦩flamingo 🦪oyster 🦫beaver 🦬bison 🦭seal 🦮guide_dog 🪰fly 🪱worm 🪲beetle 🪳cockroach " +
    "🪴potted_plant 🪵wood 🪶feather 🪷lotus 🪸coral 🪹empty_nest 🪺nest_with_eggs 💐bouquet 🌱seedling " +
    "🌲evergreen_tree 🌳deciduous_tree 🌴palm_tree 🌵cactus 🌷tulip 🌸cherry_blossom 🌹rose 🌺hibiscus 🌻sunflower " +
    "🌼blossom 🌽ear_of_maize 🌾ear_of_rice 🌿herb 🍀four_leaf_clover 🍁maple_leaf 🍂fallen_leaf " +
    "🍃leaf_fluttering_in_wind 🍄mushroom 🥀wilted_flower 🎋tanabata_tree 🎍pine_decoration " +
    "🌍earth_globe_europe_africa 🌎earth_globe_americas 🌏earth_globe_asia_australia 🌐globe_with_meridians " +
    "🌑new_moon 🌒waxing_crescent_moon 🌓first_quarter_moon 🌔waxing_gibbous_moon 🌕full_moon " +
    "🌖waning_gibbous_moon 🌗last_quarter_moon 🌘waning_crescent_moon 🌙crescent_moon 🌚new_moon_with_face " +
    "🌛first_quarter_moon_with_face 🌜last_quarter_moon_with_face 🌝full_moon_with_face 🌞sun_with_face " +
    "🌟glowing_star 🌠shooting_star 🌋volcano ☀️sun_with_rays 🌤️white_sun_with_small_cloud ☁️cloud " +
    "⛅sun_behind_cloud 🌧️cloud_with_rain 🌩️cloud_with_lightning ⚡high_voltage_sign ❄️snowflake " +
    "🌨️cloud_with_snow ⛄snowman_without_snow ☔umbrella_with_rain_drops ☂️umbrella 🌀cyclone 🌁foggy 🌈rainbow " +
    "🌊water_wave 🔥fire 💧droplet ⭐medium_star ✨sparkles",
  food:
    "🍅tomato 🍆aubergine 🍇grapes 🍈melon 🍉watermelon 🍊tangerine 🍋lemon 🍌banana 🍍pineapple 🍎red_apple " +
    "🍏green_apple 🍐pear 🍑peach 🍒cherries 🍓strawberry 🍔hamburger 🍕slice_of_pizza 🍖meat_on_bone 🍗poultry_leg " +
    "🍘rice_cracker 🍙rice_ball 🍚cooked_rice 🍛curry_and_rice 🍜steaming_bowl 🍝spaghetti 🍞bread 🍟french_fries " +
    "🍠roasted_sweet_potato 🍡dango 🍢oden 🍣sushi 🍤fried_shrimp 🍥fish_cake_with_swirl_design 🍦soft_ice_cream " +
    "🍧shaved_ice 🍨ice_cream 🍩doughnut 🍪cookie 🍫chocolate_bar 🍬candy 🍭lollipop 🍮custard 🍯honey_pot 🍰shortcake " +
    "🍱bento_box 🍲pot_of_food 🍳cooking 🍴fork_and_knife 🍵teacup_without_handle 🍶sake_bottle_and_cup " +
    "🍷wine_glass 🍸cocktail_glass 🍹tropical_drink 🍺beer_mug 🍻clinking_beer_mugs 🍼baby_bottle " +
    "🍽️fork_and_knife_with_plate 🍾bottle_with_popping_cork 🍿popcorn 🌶️hot_pepper 🌭hot_dog 🌮taco 🌯burrito " +
    "🥐croissant 🥑avocado 🥒cucumber 🥓bacon 🥔potato 🥕carrot 🥖baguette_bread 🥗green_salad 🥘shallow_pan_of_food " +
    "🥙stuffed_flatbread 🥚egg 🥛glass_of_milk 🥜peanuts 🥝kiwifruit 🥞pancakes 🥟dumpling 🥠fortune_cookie " +
    "🥡takeout_box 🥢chopsticks 🥣bowl_with_spoon 🥤cup_with_straw 🥥coconut 🥦broccoli 🥧pie 🥨pretzel 🥩cut_of_meat " +
    "🥪sandwich 🥫canned_food 🥬leafy_green 🥭mango 🥮moon_cake 🥯bagel 🧀cheese_wedge 🧁cupcake 🧂salt_shaker " +
    "🧃beverage_box 🧄garlic 🧅onion 🧆falafel 🧇waffle 🧈butter 🧉mate_drink 🧊ice_cube 🧋bubble_tea ☕hot_beverage " +
    "🫐blueberries 🫑bell_pepper 🫒olive 🫓flatbread 🫔tamale 🫕fondue 🫖teapot 🫗pouring_liquid 🫘beans 🫙jar " +
    "🎂birthday_cake 🥂clinking_glasses 🥄spoon",
  activities:
    "🎀ribbon 🎁wrapped_present 🎃jack_o_lantern 🎄christmas_tree 🎅father_christmas 🎆fireworks " +
    "🎇firework_sparkler 🎈balloon 🎉party_popper 🎊confetti_ball 🎌crossed_flags 🎎japanese_dolls 🎏carp_streamer " +
    "🎐wind_chime 🎑moon_viewing_ceremony 🎒school_satchel 🎓graduation_cap 🎠carousel_horse 🎡ferris_wheel " +
    "🎢roller_coaster 🎣fishing_pole_and_fish 🎤microphone 🎥movie_camera 🎦cinema 🎧headphone 🎨artist_palette " +
    "🎩top_hat 🎪circus_tent 🎫ticket 🎬clapper_board 🎭performing_arts 🎮video_game 🎯direct_hit 🎰slot_machine " +
    "🎱billiards 🎲game_die 🎳bowling 🎴flower_playing_cards 🎵musical_note 🎶multiple_musical_notes 🎷saxophone " +
    "🎸guitar 🎹musical_keyboard 🎺trumpet 🎻violin 🎼musical_score 🎽running_shirt_with_sash " +
    "🎾tennis_racquet_and_ball 🎿ski_and_ski_boot 🏀basketball_and_hoop 🏁chequered_flag 🏂snowboarder 🏄surfer " +
    "🏅sports_medal 🏆trophy 🏇horse_racing 🏈american_football 🏉rugby_football 🏊swimmer 🏏cricket_bat_and_ball " +
    "🏐volleyball 🏑field_hockey_stick_and_ball 🏒ice_hockey_stick_and_puck 🏓table_tennis_paddle_and_ball " +
    "⚽soccer_ball ⚾baseball ⛳flag_in_hole 🎖️military_medal 🎗️reminder_ribbon 🎟️admission_tickets 🤺fencer " +
    "🤼wrestlers 🤽water_polo 🤾handball 🤿diving_mask 🥅goal_net 🥇first_place_medal 🥈second_place_medal " +
    "🥉third_place_medal 🥊boxing_glove 🥋martial_arts_uniform 🥌curling_stone 🥍lacrosse_stick_and_ball " +
    "🥎softball 🥏flying_disc 🚴bicyclist 🚵mountain_bicyclist 🛹skateboard 🛼roller_skate 🧩jigsaw_puzzle_piece " +
    "🧸teddy_bear 🪀yo_yo 🪁kite 🀄mahjong_tile_red_dragon 🃏playing_card_black_joker",
  travel:
    "🚀rocket 🚁helicopter 🚂steam_locomotive 🚃railway_car 🚄high_speed_train 🚅high_speed_train_with_bullet_nose " +
    "🚆train 🚇metro 🚈light_rail 🚉station 🚊tram 🚋tram_car 🚌bus 🚍oncoming_bus 🚎trolleybus 🚏bus_stop 🚐minibus " +
    "🚑ambulance 🚒fire_engine 🚓police_car 🚔oncoming_police_car 🚕taxi 🚖oncoming_taxi 🚗automobile " +
    "🚘oncoming_automobile 🚙recreational_vehicle 🚚delivery_truck 🚛articulated_lorry 🚜tractor 🚝monorail " +
    "🚞mountain_railway 🚟suspension_railway 🚠mountain_cableway 🚡aerial_tramway 🚢ship 🚣rowboat 🚤speedboat " +
    "🚨police_cars_revolving_light 🚲bicycle 🛴scooter 🛵motor_scooter 🛶canoe 🛸flying_saucer 🛺auto_rickshaw " +
    "🛫airplane_departure 🛬airplane_arriving ✈️airplane ⛵sailboat ⚓anchor ⛽fuel_pump 🏠house_building " +
    "🏡house_with_garden 🏢office_building 🏣japanese_post_office 🏤european_post_office 🏥hospital 🏦bank " +
    "🏧automated_teller_machine 🏨hotel 🏩love_hotel 🏪convenience_store 🏫school 🏬department_store 🏭factory " +
    "🏮izakaya_lantern 🏯japanese_castle 🏰european_castle 🏔️snow_capped_mountain 🏖️beach_with_umbrella " +
    "🏝️desert_island 🏛️classical_building 🗻mount_fuji 🗼tokyo_tower 🗽statue_of_liberty 🗾silhouette_of_japan " +
    "🗿moyai 🗺️world_map 🧭compass 🧳luggage ⛺tent ⛲fountain 🌃night_with_stars 🌄sunrise_over_mountains 🌅sunrise " +
    "🌆cityscape_at_dusk 🌇sunset_over_buildings 🌉bridge_at_night 🌌milky_way",
  objects:
    "⌚watch ⌛hourglass ⏰alarm_clock ⏳hourglass_with_flowing_sand 💡electric_light_bulb 💰money_bag " +
    "💳credit_card 💴banknote_with_yen_sign 💵banknote_with_dollar_sign 💶banknote_with_euro_sign " +
    "💷banknote_with_pound_sign 💸money_with_wings 💹chart_with_upwards_trend_and_yen_sign 💺seat " +
    "💻personal_computer 💼briefcase 💽minidisc 💾floppy_disk 💿optical_disc 📀dvd 📁file_folder 📂open_file_folder " +
    "📃page_with_curl 📄page_facing_up 📅calendar 📆tear_off_calendar 📇card_index 📈chart_with_upwards_trend " +
    "📉chart_with_downwards_trend 📊bar_chart 📋clipboard 📌pushpin 📍round_pushpin 📎paperclip 📏straight_ruler " +
    "📐triangular_ruler 📑bookmark_tabs 📒ledger 📓notebook 📔notebook_with_decorative_cover 📕closed_book " +
    "📖open_book 📗green_book 📘blue_book 📙orange_book 📚books 📛name_badge 📜scroll 📝memo 📞telephone_receiver " +
    "📟pager 📠fax_machine 📡satellite_antenna 📢public_address_loudspeaker 📣cheering_megaphone 📤outbox_tray " +
    "📥inbox_tray 📦package 📧e_mail 📨incoming_envelope 📩envelope_with_downwards_arrow_above " +
    "📪closed_mailbox_with_lowered_flag 📫closed_mailbox_with_raised_flag 📬open_mailbox_with_raised_flag " +
    "📭open_mailbox_with_lowered_flag 📮postbox 📯postal_horn 📰newspaper 📱mobile_phone " +
    "📲mobile_phone_with_rightwards_arrow_at_left 📳vibration_mode 📴mobile_phone_off 📵no_mobile_phones " +
    "📶antenna_with_bars 📷camera 📸camera_with_flash 📹video_camera 📺television 📻radio 📼videocassette " +
    "📿prayer_beads 🔊speaker_with_three_sound_waves 🔋battery 🔌electric_plug 🔍left_pointing_magnifying_glass " +
    "🔎right_pointing_magnifying_glass 🔏lock_with_ink_pen 🔐closed_lock_with_key 🔑key 🔒lock 🔓open_lock 🔔bell " +
    "🔕bell_with_cancellation_stroke 🔖bookmark 🔗link 🔦electric_torch 🔧wrench 🔨hammer 🔩nut_and_bolt 🔪hocho " +
    "🔫pistol 🔬microscope 🔭telescope 🔮crystal_ball ☎️telephone ✉️envelope ✏️pencil ✂️scissors ⚙️gear ⚖️scales " +
    "🛠️hammer_and_wrench 🗑️wastebasket 🗓️spiral_calendar_pad 🖥️desktop_computer 🖨️printer " +
    "🖊️lower_left_ballpoint_pen 🕯️candle 🕰️mantelpiece_clock 🛍️shopping_bags 🛏️bed 🛡️shield ⚔️crossed_swords " +
    "🧪test_tube 🧫petri_dish 🧬dna_double_helix 🧮abacus 🧯fire_extinguisher 🧰toolbox 🧱brick 🧲magnet " +
    "🧴lotion_bottle 🧵spool_of_thread 🧶ball_of_yarn 🧷safety_pin 🧺basket 🧻roll_of_paper 🧼bar_of_soap 🧽sponge " +
    "🧾receipt 🧿nazar_amulet 👑crown 👒womans_hat 👓eyeglasses 👔necktie 👕t_shirt 👖jeans 👗dress 👘kimono 👙bikini " +
    "👚womans_clothes 👛purse 👜handbag 👝pouch 👞mans_shoe 👟athletic_shoe 👠high_heeled_shoe 👡womans_sandal " +
    "👢womans_boots 👣footprints 🥻sari 🥼lab_coat 🥽goggles 🥾hiking_boot 🥿flat_shoe 🩰ballet_shoes " +
    "🩱one_piece_swimsuit 🩲briefs 🩳shorts 🩴thong_sandal 🪚carpentry_saw 🪛screwdriver 🪜ladder 💉syringe 💊pill " +
    "💍ring 💎gem_stone 🚪door 🚽toilet 🚿shower 🛁bathtub 🛒shopping_trolley",
  symbols:
    "✅white_check_mark ✔️check_mark ❌cross_mark ✖️multiplication_x ❓black_question_mark_ornament " +
    "❔white_question_mark_ornament ❗exclamation_mark ❕white_exclamation_mark_ornament ➕plus_sign ➖minus_sign " +
    "➗division_sign ⚠️warning_sign ⛔no_entry 🚫no_entry_sign 🔞no_one_under_eighteen " +
    "♻️black_universal_recycling ♾️permanent_paper_sign ™️trade_mark_sign ©️copyright_sign ®️registered_sign " +
    "♠️spade_suit ♥️heart_suit ♦️diamond_suit ♣️club_suit ☮️peace ⬆️upwards_arrow ➡️rightwards_arrow " +
    "⬇️downwards_arrow ⬅️leftwards_arrow 🔀twisted_rightwards_arrows " +
    "🔁clockwise_rightwards_and_leftwards_open_circle_arrows " +
    "🔂clockwise_rightwards_and_leftwards_open_circle_arrows_with_circled_one_overlay " +
    "🔃clockwise_downwards_and_upwards_open_circle_arrows " +
    "🔄anticlockwise_downwards_and_upwards_open_circle_arrows " +
    "🔛on_with_exclamation_mark_with_left_right_arrow_above 🔜soon_with_rightwards_arrow_above " +
    "🔝top_with_upwards_arrow_above 🔴large_red_circle 🔵large_blue_circle 🟠large_orange_circle " +
    "🟡large_yellow_circle 🟢large_green_circle 🟣large_purple_circle 🟤large_brown_circle 🟥large_red_square " +
    "🟦large_blue_square 🟧large_orange_square 🟨large_yellow_square 🟩large_green_square 🟪large_purple_square " +
    "🟫large_brown_square ⚪medium_white_circle ⚫medium_black_circle ⬛black_large_square ⬜white_large_square " +
    "🔶large_orange_diamond 🔷large_blue_diamond 🔸small_orange_diamond 🔹small_blue_diamond " +
    "🔺up_pointing_red_triangle 🔻down_pointing_red_triangle 💠diamond_shape_with_a_dot_inside 🔆high_brightness " +
    "🔇speaker_with_cancellation_stroke 🔈speaker 🔉speaker_with_one_sound_wave 🆕squared_new 🆗squared_ok " +
    "🆘squared_sos 🆙squared_up_with_exclamation_mark 🆒squared_cool 🆓squared_free 🕐clock_face_one_oclock " +
    "🕑clock_face_two_oclock 🕒clock_face_three_oclock 🕓clock_face_four_oclock 🕔clock_face_five_oclock " +
    "🕕clock_face_six_oclock 🕖clock_face_seven_oclock 🕗clock_face_eight_oclock 🕘clock_face_nine_oclock " +
    "🕙clock_face_ten_oclock 🕚clock_face_eleven_oclock 🕛clock_face_twelve_oclock",
} as const;

/** Regions that have a flag, by their codes; their names are the reader's language's. */
export const FLAGS =
  "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ " +
  "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET EU FI FJ FK FM " +
  "FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT " +
  "JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN " +
  "MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT " +
  "PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL " +
  "TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW";

/** Short names that people know from other chats, for characters with long ones. */
export const ALIASES: Readonly<Record<string, string>> = {
  smile: "😄", smiley: "😃", grin: "😁", joy: "😂", lol: "😂", laughing: "😆", rofl: "🤣", wink: "😉", blush: "😊",
  heart_eyes: "😍", kiss: "😘", yum: "😋", cool: "😎", sunglasses: "😎", thinking: "🤔", sweat_smile: "😅", cry: "😢",
  sob: "😭", sad: "🙁", angry: "😠", rage: "😡", scream: "😱", shocked: "😮", sleepy: "😴", sick: "🤢", hug: "🤗",
  shrug: "🤷", facepalm: "🤦", party: "🥳", heart: "❤️", love: "❤️", broken_heart: "💔", thumbsup: "👍", "+1": "👍",
  yes: "👍", thumbsdown: "👎", "-1": "👎", no: "👎", ok: "👌", clap: "👏", wave: "👋", hi: "👋", pray: "🙏",
  thanks: "🙏", please: "🙏", muscle: "💪", strong: "💪", point_up: "☝️", point_right: "👉", fist: "✊", v: "✌️",
  raised_hands: "🙌", handshake: "🤝", eyes: "👀", tada: "🎉", celebrate: "🎉", confetti: "🎊", balloon: "🎈",
  gift: "🎁", cake: "🎂", birthday: "🎂", beer: "🍺", beers: "🍻", cheers: "🥂", wine: "🍷", coffee: "☕", tea: "🍵",
  pizza: "🍕", burger: "🍔", fire: "🔥", hot: "🔥", star: "⭐", sparkles: "✨", sun: "☀️", rainbow: "🌈", snow: "❄️",
  zap: "⚡", rocket: "🚀", car: "🚗", plane: "✈️", house: "🏠", earth: "🌍", idea: "💡", bug: "🐛", dog: "🐶",
  cat: "🐱", poop: "💩", robot: "🤖", ghost: "👻", skull: "💀", "100": "💯", check: "✅", done: "✅", x: "❌",
  cross: "❌", warning: "⚠️", question: "❓", exclamation: "❗", mail: "✉️", phone: "📱", computer: "💻", lock: "🔒",
  key: "🔑", bell: "🔔", search: "🔍", calendar: "📅", money: "💰", chart: "📈", book: "📖", camera: "📷", music: "🎵",
  soccer: "⚽", trophy: "🏆", medal: "🥇", flag: "🏁", clock: "🕐", hourglass: "⏳", zzz: "💤", boom: "💥",
};
